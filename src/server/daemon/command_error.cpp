#include "server/daemon/command_error.hpp"

#include "tcpserver/cli/program.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace tcpserver::server {

namespace {

// Returns true if the next word is the value of the last option in this word.
bool takes_next_word(std::string_view word) {
  const auto has_value = [](auto is_named) {
    const auto& table = server_option_table();
    const auto row = std::find_if(table.begin(), table.end(), is_named);
    return row != table.end() && !row->value_name.empty();
  };
  if (word.starts_with("--"))
    return has_value([name = word.substr(2)](const auto& row) { return row.name == name; });
  if (!word.starts_with('-')) return false;
  for (std::size_t i = 1; i < word.size(); ++i) {
    if (has_value([letter = word[i]](const auto& row) { return row.letter == letter; }))
      return i + 1 == word.size();
  }
  return false;
}

struct FormatFlags {
  std::optional<LogFormat> format;
  std::string config;  // "--config=FILE"; empty if not given
};

FormatFlags find_format_flags(int argc, char* const* argv) {
  FormatFlags flags;
  for (int i = 1; i < argc && argv[i] != std::string_view("--"); ++i) {
    std::string word = argv[i];
    if (takes_next_word(word) && i + 1 < argc) word.append("=").append(argv[++i]);
    if (word == "--log-format=json") flags.format = LogFormat::json;
    if (word == "--log-format=text") flags.format = LogFormat::text;
    if (word.starts_with("--config=")) flags.config = std::move(word);
  }
  return flags;
}

}  // namespace

void print_line(LogFormat format, Severity severity, const char* event, std::string_view line) {
  if (format == LogFormat::text) return cli::print_error("tcpserver", line);
  LogRecord record(format, severity, LogEvent{event}, line);
  Log log;
  log.set_format(format);
  log.write(record);
}

LogFormat find_log_format(int argc, char* const* argv, char* const* environment,
                          const std::string& directory) {
  const auto flags = find_format_flags(argc, argv);
  if (flags.format) return *flags.format;
  // With --test, errors in variables and in the file are collected instead of thrown.
  std::vector<std::string> words{"tcpserver", "--test"};
  if (!flags.config.empty()) words.push_back(flags.config);
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  try {
    return parse_server_command(static_cast<int>(pointers.size()), pointers.data(), environment,
                                directory.empty() ? "/" : directory)
        .options.log_format;
  } catch (const std::exception&) {
    return LogFormat::text;
  }
}

}  // namespace tcpserver::server
