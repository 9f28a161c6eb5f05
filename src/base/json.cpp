#include "tcpserver/base/json.hpp"

#include <algorithm>
#include <cstring>

namespace tcpserver::base {

namespace {

// Returns the number of bytes of the first character (RFC 3629, section 4). 0 if it is not UTF-8.
std::size_t character_length(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool not_a_character = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || not_a_character ? 0 : length;
}

// Removes the first character of the text and returns it as it is written in a JSON string.
std::string_view take_escaped(std::string_view& text, std::array<char, 6>& escape) noexcept {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto length = character_length(text);
  const auto character = text.substr(0, std::max<std::size_t>(length, 1));
  text.remove_prefix(character.size());
  if (length == 0) return "\\ufffd";
  const auto first = static_cast<unsigned char>(character.front());
  if (first == '"') return "\\\"";
  if (first == '\\') return "\\\\";
  if (first >= ' ' && first != 0x7f) return character;
  escape = {'\\', 'u', '0', '0', digits[first >> 4U], digits[first & 0xfU]};
  return {escape.data(), escape.size()};
}

}  // namespace

void JsonWriter::name(std::string_view name) {
  value(name);
  append(": ");
  state_.after_name = true;
}

void JsonWriter::value(std::string_view text) {
  separate();
  ++reserved_;
  append("\"");
  const bool opened = !full_;
  std::array<char, 6> escape;
  while (!text.empty() && !full_) append(take_escaped(text, escape));
  --reserved_;
  if (!opened) return;
  const bool cut = std::exchange(full_, false);
  append("\"");
  full_ = cut;
}

void JsonWriter::value(double number, int decimals) {
  BoundedText<400> digits;  // at most 309 before the point
  digits.append("%.*f", decimals, number);
  element({digits.c_str(), digits.size()});
}

void JsonWriter::restore(const State& state, std::size_t size) noexcept {
  fixed_[*size_ = size] = '\0';
  state_ = state;
  full_ = false;
}

void JsonWriter::begin(char bracket) {
  separate();
  ++reserved_;
  append({&bracket, 1});
  state_.comma = false;
}

void JsonWriter::end(char bracket) {
  --reserved_;
  full_ = false;
  if (std::exchange(state_.line_break, false)) append("\n");
  append({&bracket, 1});
  state_.comma = true;
}

void JsonWriter::separate() {
  const bool line_break = std::exchange(state_.line_break, false);
  if (!std::exchange(state_.after_name, false))
    append(line_break ? (state_.comma ? ",\n  " : "\n  ") : state_.comma ? ", " : "");
  state_.comma = true;
}

void JsonWriter::element(std::string_view token) {
  separate();
  append(token);
}

void JsonWriter::append(std::string_view piece) {
  if (growing_ != nullptr) {
    growing_->append(piece);
    return;
  }
  full_ = full_ || *size_ + piece.size() + reserved_ > capacity_;
  if (full_) return;
  std::memcpy(fixed_ + *size_, piece.data(), piece.size());
  fixed_[*size_ += piece.size()] = '\0';
}

}  // namespace tcpserver::base
