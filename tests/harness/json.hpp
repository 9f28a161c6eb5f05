#pragma once

#include "harness/process.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace harness {

// A string that a careless writer of JSON does not escape, and what a careful one makes of it.
inline constexpr const char* hostile = "\"\\\n\x7f\xff";
inline constexpr const char* hostile_in_json = R"(: "\"\\\u000a\u007f\ufffd")";

// A JSON document, as a strict reader sees it (RFC 8259). A path names a value: keys and indices with dots
// between, such as "clients.0.ok"; "*" stands for each element or member, and "" for the document.
class Json {
 public:
  // Throws std::runtime_error if the text is not exactly one document.
  explicit Json(std::string_view text);

  // The values at several paths, which blanks separate, in this order: "errors clients.*.ok" gives "0 true
  // true". Strings are decoded. Arrays and objects are in brackets. Throws if there is no such value.
  [[nodiscard]] std::string values(const std::string& paths) const;
  [[nodiscard]] std::vector<double> numbers(const std::string& path) const;
  [[nodiscard]] double number(const std::string& path) const { return numbers(path).at(0); }
  // The keys of an object in their order, with blanks between.
  [[nodiscard]] std::string keys(const std::string& path = "") const;

 private:
  Json() = default;
  void parse(std::string_view& rest);
  void find(std::string_view path, std::vector<const Json*>& found) const;
  [[nodiscard]] std::vector<const Json*> find(const std::string& path) const;
  [[nodiscard]] std::string shown() const;

  bool is_object_ = false;
  bool is_array_ = false;
  std::string text_;                                   // of a scalar; a string is decoded
  std::vector<std::pair<std::string, Json>> members_;  // the elements of an array have their index as key
};

}  // namespace harness
