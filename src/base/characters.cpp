#include "tcpserver/base/characters.hpp"

#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

namespace tcpserver::base {

namespace {

using enum CharacterKind;

struct NamedRange {
  char32_t first;
  char32_t last;
  CharacterKind kind;
  const char* name;
};

// The first range that contains a character names it.
constexpr NamedRange named_ranges[] = {{0x00, 0x00, invisible, "a NUL byte"},
                                       {0x09, 0x09, invisible, "a tab"},
                                       {0x0a, 0x0a, invisible, "a line feed"},
                                       {0x0c, 0x0c, invisible, "a form feed"},
                                       {0x0d, 0x0d, invisible, "a carriage return"},
                                       {0x1a, 0x1a, invisible, "Ctrl-Z"},
                                       {0x20, 0x7e, ascii, ""},
                                       {0x00, 0x9f, invisible, "a control character"},
                                       {0xa0, 0xa0, invisible, "a no-break space"},
                                       {0xad, 0xad, invisible, "a soft hyphen"},
                                       {0xab, 0xab, other, "a typographic quote"},
                                       {0xbb, 0xbb, other, "a typographic quote"},
                                       {0x37e, 0x37e, other, "a Greek question mark"},
                                       {0x370, 0x3ff, other, "a Greek letter"},
                                       {0x400, 0x52f, other, "a Cyrillic letter"},
                                       {0x61c, 0x61c, invisible, "a text direction mark"},
                                       {0x200b, 0x200b, invisible, "a zero-width space"},
                                       {0x200c, 0x200d, other, "a zero-width joiner"},
                                       {0x34f, 0x34f, invisible, "an invisible character"},
                                       {0x115f, 0x1160, invisible, "an invisible character"},
                                       {0x180b, 0x180f, invisible, "an invisible character"},
                                       {0x2800, 0x2800, invisible, "an empty Braille pattern"},
                                       {0x3164, 0x3164, invisible, "an invisible character"},
                                       {0xfe00, 0xfe0f, invisible, "an invisible character"},
                                       {0xffa0, 0xffa0, invisible, "an invisible character"},
                                       {0xfff9, 0xfffb, invisible, "an invisible character"},
                                       {0x200e, 0x200f, invisible, "a text direction mark"},
                                       {0x2000, 0x200f, invisible, "a typographic space"},
                                       {0x2010, 0x2012, dash, "a typographic hyphen"},
                                       {0x2013, 0x2013, dash, "an en dash"},
                                       {0x2014, 0x2015, dash, "an em dash"},
                                       {0x2018, 0x201f, other, "a typographic quote"},
                                       {0x2028, 0x2029, invisible, "a line separator"},
                                       {0x202a, 0x202e, invisible, "a text direction mark"},
                                       {0x202f, 0x202f, invisible, "a no-break space"},
                                       {0x2032, 0x203a, other, "a typographic quote"},
                                       {0x205f, 0x206f, invisible, "an invisible character"},
                                       {0x2212, 0x2212, dash, "a minus sign"},
                                       {0x3000, 0x3000, invisible, "an ideographic space"},
                                       {0xfeff, 0xfeff, invisible, "a byte order mark"},
                                       {0xff10, 0xff19, other, "a full-width digit"},
                                       {0xff01, 0xff5e, other, "a full-width character"},
                                       {0xe0000, 0xe01ef, invisible, "an invisible character"},
                                       {0x00, 0x10ffff, other, "a character outside ASCII"}};

const NamedRange& find_range(char32_t code) {
  return *std::find_if(std::begin(named_ranges), std::end(named_ranges) - 1,
                       [code](const NamedRange& range) { return range.first <= code && code <= range.last; });
}

// Decodes one well-formed sequence (RFC 3629, section 4) and sets its size.
std::optional<char32_t> decode_utf8(std::string_view text, std::size_t& size) {
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};  // for each size; less is overlong
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  size = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
  if (size == 0 || size > text.size()) return std::nullopt;
  char32_t code = size == 1 ? lead : lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  return code >= least[size] && code <= 0x10ffff && !is_surrogate ? std::optional(code) : std::nullopt;
}

// Returns the character of a byte of Windows-1252 (0 if it is not one that users type by mistake).
char32_t find_in_windows_1252(char byte) {
  constexpr std::string_view bytes = "\x91\x92\x93\x94\x96\x97\xa0\xad";
  constexpr char32_t characters[] = {0x2018, 0x2019, 0x201c, 0x201d, 0x2013, 0x2014, 0xa0, 0xad, 0};
  return characters[std::min(bytes.find(byte), bytes.size())];
}

// Returns the name of the first character of one of these kinds; empty if there is none.
template <typename IsWanted>
std::string find_name(std::string_view text, IsWanted is_wanted) {
  while (!text.empty()) {
    const auto character = read_character(text);
    if (is_wanted(character.kind)) return character.name;
    text.remove_prefix(character.size);
  }
  return {};
}

}  // namespace

Character read_character(std::string_view text) {
  std::size_t size = 0;
  const auto code = decode_utf8(text, size);
  const auto byte = static_cast<unsigned char>(text.front());
  const auto likely_code = code ? *code : find_in_windows_1252(text.front());
  if (!code && likely_code == 0) return {other, format_text("a byte that is not UTF-8, %02X", byte), 1};
  const auto& range = find_range(likely_code);
  if (range.kind == ascii) return {ascii, {}, size};
  if (!code) return {range.kind, format_text("%s, byte %02X, not UTF-8", range.name, byte), 1};
  return {range.kind, format_text("%s, U+%04X", range.name, static_cast<unsigned>(*code)), size};
}

std::string find_invisible_character(std::string_view text) {
  return find_name(text, [](CharacterKind kind) { return kind == invisible; });
}

std::string find_unusual_character(std::string_view text) {
  const auto name = find_invisible_character(text);
  return !name.empty() ? name : find_name(text, [](CharacterKind kind) { return kind != ascii; });
}

std::string quote_and_name(std::string_view text) {
  const auto name = find_unusual_character(text);
  return base::quote(text) + (name.empty() ? "" : " (with " + name + ")");
}

}  // namespace tcpserver::base
