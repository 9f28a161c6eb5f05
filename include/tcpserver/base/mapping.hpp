#pragma once

#include <cstddef>

namespace tcpserver::base {

// Owns zeroed memory from mmap: pages cost nothing until they are touched, and none of it is on the heap.
class Mapping {
 public:
  enum class Kind {
    parent_only,  // private, and hidden from children (hide_from_children)
    own,          // private: each child starts with what its parent has put there, and changes its own
    shared        // one memory for the parent and all its children
  };

  // At `hint`, where that is free. Throws StartError where the memory cannot be had.
  Mapping(Kind kind, std::size_t size, void* hint = nullptr);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  [[nodiscard]] void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  void* data_;
  std::size_t size_;
};

}  // namespace tcpserver::base
