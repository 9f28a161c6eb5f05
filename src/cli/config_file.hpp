#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// The file of --config: lines of `name = value` with the names of the long options. Blanks around name and
// value are ignored, as are empty lines and lines that begin with #.
namespace tcpserver::cli {

struct ConfigLine {
  std::size_t number;  // from 1
  std::string name;
  std::string value;  // may be empty: the option refuses it
};

// Far above any real file, in bytes.
inline constexpr std::size_t largest_config_file = 1 << 20;

// `path` is for the errors. Throws StartError (usage) with the number of a line that is of another form or
// has control characters.
[[nodiscard]] std::vector<ConfigLine> parse_config(std::string_view path, std::string_view text);

// The file's text. Regular files only: a server that reads it again on SIGHUP must not wait for a pipe.
// Throws StartError (no_input) if it cannot be read.
[[nodiscard]] std::string read_config_file(const std::string& path);

}  // namespace tcpserver::cli
