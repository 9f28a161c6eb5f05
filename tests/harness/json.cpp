#include "harness/json.hpp"

#include <algorithm>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace harness {

namespace {

// Removes and returns a match at the start; empty if there is none.
std::string take(std::string_view& rest, const std::regex& pattern) {
  std::cmatch match;
  const bool matches =
      std::regex_search(rest.begin(), rest.end(), match, pattern, std::regex_constants::match_continuous);
  if (!matches) return "";
  rest.remove_prefix(static_cast<std::size_t>(match.length()));
  return match.str();
}

bool take(std::string_view& rest, char c) {
  static const std::regex blanks("[ \t\r\n]+");
  take(rest, blanks);
  if (!rest.starts_with(c)) return false;
  rest.remove_prefix(1);
  return true;
}

std::string utf8(unsigned code) {
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0 | code >> 6), byte(0x80 | (code & 0x3f))};
  return {byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f))};
}

// Does not join surrogate pairs, because no program here writes them.
std::string take_string(std::string_view& rest) {
  static const std::regex plain("[^\"\\\\\\x00-\\x1f]+");
  static const std::regex escape("\\\\([\"\\\\/bfnrt]|u[0-9a-fA-F]{4})");
  if (!take(rest, '"')) throw std::runtime_error("JSON: no string: " + std::string(rest));
  std::string text;
  while (!rest.starts_with('"')) {
    if (const auto part = take(rest, plain); !part.empty()) {
      text += part;
    } else if (const auto escaped = take(rest, escape); escaped.size() > 2) {
      text += utf8(static_cast<unsigned>(std::stoul(escaped.substr(2), nullptr, 16)));
    } else if (!escaped.empty()) {
      text += std::string_view("\"\\/\b\f\n\r\t")[std::string_view("\"\\/bfnrt").find(escaped[1])];
    } else {
      throw std::runtime_error("JSON: not in a string: " + std::string(rest));
    }
  }
  rest.remove_prefix(1);
  return text;
}

}  // namespace

Json::Json(std::string_view text) {
  parse(text);
  if (take(text, '\0') || !text.empty()) throw std::runtime_error("JSON: more: " + std::string(text));
}

void Json::parse(std::string_view& rest) {
  static const std::regex scalar("true|false|null|-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
  is_object_ = take(rest, '{');
  is_array_ = !is_object_ && take(rest, '[');
  if (is_object_ || is_array_) {
    const char end = is_object_ ? '}' : ']';
    if (take(rest, end)) return;
    do {
      auto key = is_object_ ? take_string(rest) : std::to_string(members_.size());
      if (is_object_ && !take(rest, ':')) throw std::runtime_error("JSON: no value of " + key);
      members_.emplace_back(std::move(key), Json()).second.parse(rest);
    } while (take(rest, ','));
    if (!take(rest, end)) throw std::runtime_error("JSON: no end: " + std::string(rest));
  } else if (rest.starts_with('"')) {
    text_ = take_string(rest);
  } else {
    text_ = take(rest, scalar);
    if (text_.empty()) throw std::runtime_error("JSON: no value: " + std::string(rest));
  }
}

void Json::find(std::string_view path, std::vector<const Json*>& found) const {
  if (path.empty()) return found.push_back(this);
  const auto first = path.substr(0, path.find('.'));
  path.remove_prefix(std::min(first.size() + 1, path.size()));
  for (const auto& [key, value] : members_) {
    if (first == "*" || first == key) value.find(path, found);
  }
}

std::vector<const Json*> Json::find(const std::string& path) const {
  std::vector<const Json*> found;
  find(path, found);
  if (found.empty()) throw std::runtime_error("JSON: no " + path + " in " + shown());
  return found;
}

std::string Json::shown() const {
  std::string text = text_;
  for (const auto& [key, value] : members_) {
    text += (text.empty() ? "" : ", ") + (is_object_ ? key + ": " : "") + value.shown();
  }
  return is_object_ ? "{" + text + "}" : is_array_ ? "[" + text + "]" : text;
}

std::string Json::values(const std::string& paths) const {
  std::string text;
  std::istringstream words(paths);
  for (std::string path; words >> path;) {
    for (const auto* value : find(path)) text += (text.empty() ? "" : " ") + value->shown();
  }
  return text;
}

std::vector<double> Json::numbers(const std::string& path) const {
  std::vector<double> numbers;
  for (const auto* value : find(path)) numbers.push_back(std::stod(value->text_));
  return numbers;
}

std::string Json::keys(const std::string& path) const {
  std::string text;
  for (const auto& [key, value] : find(path).at(0)->members_) text += (text.empty() ? "" : " ") + key;
  return text;
}

}  // namespace harness
