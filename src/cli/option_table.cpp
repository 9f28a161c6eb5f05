#include "tcpserver/cli/option_table.hpp"

#include "tcpserver/base/characters.hpp"
#include "tcpserver/base/values.hpp"

#include "cli/foreign_text.hpp"

namespace tcpserver::cli {

std::string variable_name(const Program& program, std::string_view option) {
  std::string name(program.environment_prefix);
  for (const char c : option) name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  return name;
}

void refuse(const RawValue& value, std::string_view allowed) {
  auto mistake = explain_mistake(value.text);
  if (mistake.empty() && find_comment(value.text) != std::string_view::npos) {
    mistake = "a variable or flag cannot have a comment; remove it";
  }
  throw usage_error(value.label + ": invalid value " + base::quote_and_name(value.text) + ": expected " +
                    std::string(allowed) + (mistake.empty() ? "" : "; " + mistake));
}

void refuse_because(const RawValue& value, std::string_view why) {
  throw usage_error(value.label + ": " + base::quote_unless_plain(value.text) + " " + std::string(why));
}

base::StartError usage_error(const std::string& line) {
  return {base::ExitStatus::usage, line};
}

void append_to_list(std::string& list, std::string_view item) {
  list.append(list.empty() ? "" : ", ").append(item);
}

std::string path_from(const std::string& directory, const std::string& path) {
  if (directory.empty() || path.starts_with('/')) return path;
  return directory + (directory.ends_with('/') ? "" : "/") + path;
}

}  // namespace tcpserver::cli
