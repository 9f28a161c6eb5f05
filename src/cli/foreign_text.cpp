#include "cli/foreign_text.hpp"

#include "tcpserver/base/characters.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_values.hpp"

#include <regex.h>

#include <algorithm>
#include <iterator>
#include <numeric>

namespace tcpserver::cli {

namespace {

bool has_quote_at_an_end(std::string_view text) {
  constexpr std::string_view quotes[] = {"\"",     "'",      "\u2018", "\u2019", "\u201c",
                                         "\u201d", "\u201e", "\u00ab", "\u00bb"};
  return std::any_of(std::begin(quotes), std::end(quotes),
                     [text](auto quote) { return text.starts_with(quote) || text.ends_with(quote); });
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
    return "the value ends with a carriage return; save the file that sets it with UNIX line ends";
  }
  if (has_quote_at_an_end(text)) return "the quotes are part of the value; remove them";
  if (trim(text).size() < text.size()) return "the blanks around it are part of the value; remove them";
  if (text.ends_with(',')) return "it ends with a comma; remove it";
  if (text.ends_with(';')) return "it ends with a semicolon; remove it";
  if (!base::find_invisible_character(text).empty()) return "remove the invisible character";
  return {};
}

bool is_service_link(std::string_view entry) {
  constexpr const char* pattern =
      "^([A-Z0-9_]+_)?(SERVICE_HOST=|SERVICE_PORT(_[A-Z0-9_]+)?=|PORT_[0-9]+_(TCP|UDP|SCTP)(_[A-Z]+)?="
      "|PORT=(tcp|udp|sctp)://([0-9.]+|\\[[0-9a-fA-F:.]+]):[1-9][0-9]{0,4}$|ENV_|NAME=/)";
  static regex_t expression;
  static const bool is_compiled = ::regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) == 0;
  return is_compiled && ::regexec(&expression, std::string(entry).c_str(), 0, nullptr, 0) == 0;
}

base::StartError unexpected_argument(const Program& program, const OptionTexts& options,
                                     std::string_view word) {
  std::string hint = "; " + std::string(program.name) + " takes only options";
  if (!word.empty() && base::read_character(word).kind == base::CharacterKind::dash) {
    hint = "; an option begins with - or --";
  }
  const bool has_port = std::any_of(options.begin(), options.end(),
                                    [](const OptionText& option) { return option.name == "port"; });
  const auto is_port = [](std::string_view text) { return base::parse_count(text, 0, 65535).has_value(); };
  if (has_port && is_port(word)) {
    hint = "; did you mean --port " + std::string(word) + "?";
  } else if (const auto split = split_host_and_port(word);
             has_port && split && split->port && is_port(*split->port)) {
    hint = "; did you mean --bind " + base::quote_unless_plain(split->host) + " --port " +
           std::string(*split->port) + "?";
  }
  return usage_error("unexpected argument " + base::quote_and_name(word) + hint);
}

std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before;  // the row before the last one
  std::vector<std::size_t> last(right.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::vector<std::size_t> row(right.size() + 1, i);
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t changed = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
      row[j] = std::min({changed, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = std::exchange(last, std::move(row));
  }
  return last.back();
}

std::string normalize(std::string_view name, const Program& program) {
  name = name.substr(0, name.find_last_not_of(" \t:+") + 1);
  name = name.substr(name.find_last_of(blanks) + 1);
  if (name.starts_with(program.environment_prefix)) name.remove_prefix(program.environment_prefix.size());
  std::string normal;
  while (!name.empty()) {
    const auto character = base::read_character(name);
    char c = character.kind == base::CharacterKind::dash || name.front() == '_' ? '-' : name.front();
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool belongs =
        c == '-' ? !normal.empty() : std::string_view("\"'").find(c) == std::string_view::npos;
    if (belongs && (character.kind == base::CharacterKind::ascii || c == '-')) normal += c;
    name.remove_prefix(character.size);
  }
  return normal;
}

}  // namespace tcpserver::cli
