#pragma once

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace tcpserver::base {

class JsonWriter;

// Converts to the type that %llu of printf(3) expects.
[[nodiscard]] constexpr unsigned long long wide(std::uint64_t number) noexcept {
  return number;
}

// A text of fixed capacity, built piece by piece without allocation. Text beyond the capacity is cut off.
template <std::size_t Capacity>
class BoundedText {
 public:
  static constexpr std::size_t capacity = Capacity;  // including the final zero

  void append(const char* format, ...) noexcept __attribute__((format(printf, 2, 3))) {
    va_list arguments;
    va_start(arguments, format);
    append_list(format, arguments);
    va_end(arguments);
  }

  void append_list(const char* format, va_list arguments) noexcept __attribute__((format(printf, 2, 0))) {
    const std::size_t room = Capacity - size_;  // including vsnprintf's final zero
    const int wanted = std::vsnprintf(text_ + size_, room, format, arguments);
    if (wanted > 0) size_ += std::min(static_cast<std::size_t>(wanted), room - 1);
  }

  // Ends the line with a newline. If the text is full, the newline replaces its last byte.
  void end_line() noexcept {
    if (size_ == Capacity - 1) --size_;
    append("\n");
  }

  void clear() noexcept {
    size_ = 0;
    text_[0] = '\0';
  }

  [[nodiscard]] const char* c_str() const noexcept { return text_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t room() const noexcept { return Capacity - 1 - size_; }

 private:
  friend JsonWriter;

  char text_[Capacity] = {};
  std::size_t size_ = 0;
};

}  // namespace tcpserver::base
