#pragma once

#include "tcpserver/cli/option_table.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace tcpserver::cli {

// One option on the command line.
struct Flag {
  std::size_t spec;       // its place in the table
  std::string_view text;  // its value; "on" for an option that takes none
};

struct CommandLine {
  std::vector<Flag> flags;  // in the order in which they were given
  std::vector<std::string_view> operands;
};

// Takes argv apart as getopt_long(3) does, with one difference: long options are not abbreviated, for a
// script that relies on it breaks when another option begins alike. The views point into argv. Throws
// StartError (usage) for unknown options and for values that are missing or too many.
[[nodiscard]] CommandLine read_command_line(const Program& program, const OptionTexts& options, int argc,
                                            char* const* argv);

}  // namespace tcpserver::cli
