#pragma once

#include "tcpserver/base/bounded_text.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tcpserver::base {

// Writes JSON (RFC 8259) with ", " and ": " as separators. In strings, control characters become \u00XX, and
// bytes that are not UTF-8 become U+FFFD.
//
// With a BoundedText it does not allocate, and the text is valid JSON even if it is too small: member() omits
// members that do not fit, and value() shortens strings. Brackets must fit.
class JsonWriter {
 public:
  // The text must outlive the writer.
  explicit JsonWriter(std::string& text) noexcept : growing_(&text) {}
  template <std::size_t Capacity>
  explicit JsonWriter(BoundedText<Capacity>& text) noexcept
      : fixed_(text.text_), size_(&text.size_), capacity_(Capacity - 1) {}

  void begin_object() { begin('{'); }
  void begin_object(std::string_view its_name) { name(its_name), begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void begin_array(std::string_view its_name) { name(its_name), begin('['); }
  void end_array() { end(']'); }

  // Puts the next member or element on a new line, indented by two blanks. Closing brackets are not indented.
  void break_line() noexcept { state_.line_break = true; }

  // Writes a member's name, in plain ASCII. A value, object or array must follow.
  void name(std::string_view name);

  void value(std::nullptr_t) { element("null"); }
  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(std::same_as<bool> auto truth) { element(truth ? "true" : "false"); }
  template <std::integral Number>
  requires(!std::same_as<Number, bool> && !std::same_as<Number, char>) void value(Number number) {
    value_of_chars(number);
  }
  // Writes a finite number: the shortest digits that convert back to it, or with this many decimals.
  void value(double number) { value_of_chars(number); }
  void value(double number, int decimals);
  // Writes null for nullopt.
  template <typename Value, typename... Format>
  void value(const std::optional<Value>& value_or_none, Format... format) {
    value_or_none ? value(*value_or_none, format...) : value(nullptr);
  }

  // Writes a name and its value, or neither if they do not fit.
  template <typename... Value>
  void member(std::string_view its_name, const Value&... its_value) {
    const State before = state_;
    const std::size_t size = size_ == nullptr ? 0 : *size_;
    name(its_name);
    value(its_value...);
    if (full_) restore(before, size);
  }

 private:
  struct State {
    bool comma = false;  // before the next element
    bool after_name = false;
    bool line_break = false;
  };
  void restore(const State& state, std::size_t size) noexcept;

  void begin(char bracket);
  void end(char bracket);
  void separate();
  void element(std::string_view token);
  void append(std::string_view piece);

  void value_of_chars(auto number) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    element({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }

  std::string* growing_ = nullptr;
  char* fixed_ = nullptr;
  std::size_t* size_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t reserved_ = 0;  // bytes needed to close open brackets
  State state_;
  bool full_ = false;  // something did not fit; ignore everything that follows
};

}  // namespace tcpserver::base
