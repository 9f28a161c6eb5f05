#pragma once

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace tcpserver::base {

class JsonWriter;

// For %llu.
[[nodiscard]] constexpr unsigned long long wide(std::uint64_t number) noexcept {
  return number;
}

// A text that is built piece by piece without allocation, for use while clients are served. What does not fit
// is cut off.
template <std::size_t Capacity>
class BoundedText {
 public:
  static constexpr std::size_t capacity = Capacity;  // the final zero included

  void append(const char* format, ...) noexcept __attribute__((format(printf, 2, 3))) {
    va_list arguments;
    va_start(arguments, format);
    append_list(format, arguments);
    va_end(arguments);
  }

  void append_list(const char* format, va_list arguments) noexcept __attribute__((format(printf, 2, 0))) {
    const std::size_t room = Capacity - size_;  // vsnprintf's final zero included
    const int wanted = std::vsnprintf(text_ + size_, room, format, arguments);
    if (wanted > 0) size_ += std::min(static_cast<std::size_t>(wanted), room - 1);
  }

  // Ends it with a newline, which replaces the last byte if it is full.
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
