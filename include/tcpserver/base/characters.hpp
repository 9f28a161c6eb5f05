#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Finds characters that are invisible or look like others, and names them in words. They come from web pages
// and other editors.
namespace tcpserver::base {

enum class CharacterKind {
  ascii,  // printable
  dash,   // looks like -
  invisible,
  other
};

struct Character {
  CharacterKind kind;
  std::string name;  // "a no-break space, U+00A0"; empty for printable ASCII
  std::size_t size;  // in bytes, at least 1
};

// Decodes the first character of a text that is not empty. The text is UTF-8; other bytes are read as
// Windows-1252.
[[nodiscard]] Character read_character(std::string_view text);

// Returns the name of the first invisible character, control characters included; empty if there is none.
[[nodiscard]] std::string find_invisible_character(std::string_view text);

// Returns the name of the first invisible character, else of the first one outside ASCII; empty if all are
// printable ASCII.
[[nodiscard]] std::string find_unusual_character(std::string_view text);

// Returns quote(text), and names the character that probably makes the text wrong:
// '7300\xc2\xa0' (with a no-break space, U+00A0). Use it for text that a user typed.
[[nodiscard]] std::string quote_and_name(std::string_view text);

}  // namespace tcpserver::base
