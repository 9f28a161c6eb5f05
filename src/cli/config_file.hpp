#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// The file of --config: lines of `name = value`, where the names are those of the long options without their
// dashes. Blanks around name and value do not count; empty lines and lines that begin with # are comments.
namespace tcpserver::cli {

struct ConfigLine {
  std::size_t number;  // from 1
  std::string name;
  std::string value;  // may be empty, for the option to refuse
};

// Far above any real one; what is larger is no configuration file.
inline constexpr std::size_t largest_config_file = 1 << 20;

// `path` is for the errors. Throws StartError (usage) that names the line for what is no such line, control
// characters in it included.
[[nodiscard]] std::vector<ConfigLine> parse_config(std::string_view path, std::string_view text);

// The file's text. Regular files only: it is read again on SIGHUP, and a server must not wait for a pipe.
// Throws StartError (no_input) where it cannot be read.
[[nodiscard]] std::string read_config_file(const std::string& path);

}  // namespace tcpserver::cli
