#pragma once

#include <cstddef>

namespace tcpserver::base {

// Owns zeroed memory from mmap(2). A page uses no memory until it is touched.
class Mapping {
 public:
  enum class Kind {
    parent_only,  // private, not inherited by children (hide_from_children)
    own,          // private, copied on write by children
    shared        // shared with all children
  };

  // Places the memory at `hint` if that address is free. Throws StartError without memory.
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
