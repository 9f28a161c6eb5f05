#include "cli/config_file.hpp"

#include "tcpserver/base/characters.hpp"
#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include "cli/foreign_text.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>

namespace tcpserver::cli {

namespace {

// UTF-16 and UTF-32 have zero bytes in one or three of four columns of ASCII text, or a byte order mark.
const char* find_wide_encoding(std::string_view text) {
  std::size_t zeros[4] = {};
  for (std::size_t i = 0; i < text.size(); ++i) zeros[i % 4] += text[i] == '\0' ? 1 : 0;
  const auto columns = std::count_if(std::begin(zeros), std::end(zeros),
                                     [&](std::size_t zero) { return zero > 0 && zero * 6 >= text.size(); });
  if (columns == 3) return "UTF-32";
  const bool has_mark = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
  return has_mark || columns == 2 ? "UTF-16" : nullptr;
}

// Returns the character that ends lines: \n on UNIX and, after \r, on Windows; \r alone on old Macs.
char find_line_end(std::string_view text) {
  return text.find('\n') == std::string_view::npos ? '\r' : '\n';
}

// Explains a line without =, by the form that users of other programs would write.
std::string explain_malformed(std::string_view line) {
  const auto colon = line.find(':');
  std::string hint = line.starts_with('=') ? "; the key is missing" : "; = is missing";
  if (const auto name = base::find_unusual_character(line); !name.empty() && name != "a tab, U+0009") {
    hint = "; it has " + name;
  } else if (line.starts_with('[')) {
    hint = "; the file has no sections";
  } else if (line.starts_with("//") || line.starts_with("/*")) {
    hint = "; a comment begins with # or ;";
  } else if (line.starts_with('-')) {
    hint = "; write the option without leading dashes";
  } else if (line.find_first_of("{}<") == 0) {
    hint = "; the file is not JSON or XML";
  } else if (colon < line.find_first_of(blanks) || line.substr(0, colon).ends_with(' ')) {
    hint = "; write = instead of :";
  }
  return "invalid line, expected: key = value" + hint;
}

constexpr const char* empty_value = "empty value; to use the default, remove the line or begin it with #";

ConfigLine parse_quoted(std::size_t number, std::string_view name, std::string_view text) {
  const std::string mark = text.front() == '"' ? "double" : "single";
  const auto close = text.find(text.front(), 1);
  if (close == std::string_view::npos) {
    return {number, "", "the opening " + mark + " quote has no closing quote"};
  }
  if (close == 1) return {number, "", empty_value};
  const auto rest = text.substr(close + 1);
  if (!rest.empty() && find_comment(rest) >= rest.find_first_not_of(blanks)) {
    return {number, "", "text after the closing quote: quote the whole value or nothing"};
  }
  return {number, std::string(name), std::string(text.substr(1, close - 1))};
}

// Explains an unquoted value in the syntax of another program; empty if it is a plain value.
std::string explain_value(std::string_view value) {
  constexpr const char* comment =
      "text after the value: begin a comment with a blank and # or ;, or quote the whole value";
  constexpr std::pair<std::string_view, const char*> foreign[] = {
      {";", "semicolon in the value: use commas in a list, or put a blank before a comment"},
      {"\"", "quote in the value: quote the whole value or nothing"},
      {" //", comment},
      {" /*", comment},
      {" --", comment},
      {"# ", comment}};
  if (value.empty()) return empty_value;
  if (value.starts_with('=') || value.starts_with('>'))
    return "invalid line, expected: key = value, with one =";
  if (value.ends_with(';')) return "the line ends with a semicolon; remove it";
  if (value.ends_with('\\')) return "a backslash does not continue a line; write the value on one line";
  const auto invisible = base::find_invisible_character(value);
  if (!invisible.empty()) return "the value has " + invisible + "; remove that character";
  for (const auto& [part, error] : foreign) {
    if (value.find(part) != std::string_view::npos) return error;
  }
  return {};
}

ConfigLine parse_line(std::size_t number, std::string_view line) {
  const auto equals = line.find('=');
  const auto name = trim(line.substr(0, equals));
  if (equals == std::string_view::npos || name.empty() || find_comment(name) != std::string_view::npos) {
    return {number, "", explain_malformed(line)};
  }
  const auto after = line.substr(equals + 1);
  const auto whole = trim(after);
  if (whole.starts_with('"') || whole.starts_with('\'')) return parse_quoted(number, name, whole);
  const auto value = trim(after.substr(0, find_comment(after)));
  const auto error = explain_value(value);
  return {number, error.empty() ? std::string(name) : "", error.empty() ? std::string(value) : error};
}

[[noreturn]] void cannot_read(const std::string& path, const std::string& why) {
  throw base::StartError(base::ExitStatus::no_input,
                         "cannot read the configuration file " + base::quote_and_name(path) + ": " + why);
}

}  // namespace

std::vector<ConfigLine> parse_config(std::string_view text) {
  if (const char* const encoding = find_wide_encoding(text)) {
    return {{1, "", "the file is in " + std::string(encoding) + "; save it as UTF-8"}};
  }
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  text = text.substr(0, text.find_last_not_of("\x1a\r\n") + 1);  // Ctrl-Z ends a file of DOS
  const char line_end = find_line_end(text);
  std::vector<ConfigLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    auto line = base::take_until(text, line_end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trim(line);
    const bool is_comment = line.starts_with('#') || line.starts_with(';');
    if (!line.empty() && !is_comment) lines.push_back(parse_line(number, line));
  }
  return lines;
}

std::string read_config_file(const std::string& path) {
  // Without O_NONBLOCK, opening a FIFO waits for a writer.
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) cannot_read(path, base::error_text(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) cannot_read(path, base::error_text(errno));
  if (!S_ISREG(status.st_mode)) cannot_read(path, "it is not a regular file");

  const auto text = base::read_all(fd.get(), largest_config_file);
  if (text) return *text;
  if (errno != EFBIG) cannot_read(path, base::error_text(errno));
  cannot_read(path, "it has more than " + std::to_string(largest_config_file) + " bytes");
}

}  // namespace tcpserver::cli
