#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// The file of --config: lines of `name = value` with the names of the long options. Blanks around name and
// value are ignored, as are empty lines and lines that begin with # or ;. A blank followed by # or ; begins a
// comment. Quotes around a whole value are removed; a quoted value may contain # and ;.
namespace tcpserver::cli {

struct ConfigLine {
  std::size_t number;  // from 1
  std::string name;    // empty if the line is malformed
  std::string value;   // the error if the line is malformed; otherwise the value, which may be empty
};

// Far above any real file, in bytes.
inline constexpr std::size_t largest_config_file = 1 << 20;

// Accepts the line ends of all systems, a byte order mark at the start and Ctrl-Z at the end. Never throws.
// Errors do not quote the line: a wrong file may hold secrets.
[[nodiscard]] std::vector<ConfigLine> parse_config(std::string_view text);

// The file's text. Regular files only: a server that reads it again on SIGHUP must not wait for a pipe.
// Throws StartError (no_input) if it cannot be read.
[[nodiscard]] std::string read_config_file(const std::string& path);

}  // namespace tcpserver::cli
