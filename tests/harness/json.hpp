#pragma once

#include "harness/process.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace harness {

// A string with bytes that must be escaped in JSON, and its escaped form.
inline constexpr const char* hostile = "\"\\\n\x7f\xff";
inline constexpr const char* hostile_in_json = R"(: "\"\\\u000a\u007f\ufffd")";

// A JSON document, parsed strictly (RFC 8259). A path of keys and indices names a value: "clients.0.ok". "*"
// in a path matches each element or member; the empty path is the whole document.
class Json {
 public:
  // Throws std::runtime_error if the text is not exactly one document.
  explicit Json(std::string_view text);

  // Returns the values at blank-separated paths, in this order: "errors clients.*.ok" gives "0 true true".
  // Strings are decoded. Arrays and objects are in brackets. Throws if a value is missing.
  [[nodiscard]] std::string values(const std::string& paths) const;
  [[nodiscard]] std::vector<double> numbers(const std::string& path) const;
  [[nodiscard]] double number(const std::string& path) const { return numbers(path).at(0); }
  // Returns the keys of an object in their order, separated by blanks.
  [[nodiscard]] std::string keys(const std::string& path = "") const;

 private:
  Json() = default;
  void parse(std::string_view& rest);
  void find(std::string_view path, std::vector<const Json*>& found) const;
  [[nodiscard]] std::vector<const Json*> find(const std::string& path) const;
  [[nodiscard]] std::string shown() const;

  bool is_object_ = false;
  bool is_array_ = false;
  std::string text_;                                   // the value of a scalar; strings are decoded
  std::vector<std::pair<std::string, Json>> members_;  // the key of an array element is its index
};

}  // namespace harness
