#include "cli/value_text.hpp"

#include "tcpserver/base/characters.hpp"

namespace tcpserver::cli {

namespace {

bool is_quote(std::string_view text) {
  return text.starts_with('"') || text.starts_with('\'') ||
         base::read_character(text).kind == base::CharacterKind::quote;
}

// A character of UTF-8 begins at its last byte that is not 10xxxxxx.
std::string_view last_character(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) --begin;
  return base::read_character(text.substr(begin)).size == text.size() - begin ? text.substr(begin)
                                                                              : text.substr(text.size() - 1);
}

}  // namespace

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::size_t find_comment(std::string_view text) {
  for (std::size_t mark = 1; mark < text.size(); ++mark) {
    const bool follows_blank = blanks.find(text[mark - 1]) != std::string_view::npos;
    if (follows_blank && (text[mark] == '#' || text[mark] == ';')) return mark - 1;
  }
  return std::string_view::npos;
}

std::string explain_mistake(std::string_view text) {
  if (text.empty()) return {};
  if (text.ends_with('\r')) {
    return "the carriage return is part of the value; save its file with UNIX line ends";
  }
  if (is_quote(text) || is_quote(last_character(text))) {
    return "the quotes are part of the value; remove them";
  }
  if (trim(text).size() < text.size()) return "the blanks around it are part of the value; remove them";
  if (text.ends_with(',')) return "it ends with a comma; remove it";
  if (text.ends_with(';')) return "it ends with a semicolon; remove it";
  if (!base::find_invisible_character(text).empty()) return "remove the invisible character";
  return {};
}

}  // namespace tcpserver::cli
