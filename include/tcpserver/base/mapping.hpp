#pragma once

#include <cstddef>

namespace tcpserver::base {

// Owns zeroed memory from mmap. Pages cost nothing until they are touched.
class Mapping {
 public:
  enum class Kind {
    parent_only,  // private, and hidden from children (hide_from_children)
    own,          // private: each child has its own copy
    shared        // shared by the parent and all its children
  };

  // At `hint` if that is free. Throws StartError if there is no memory.
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
