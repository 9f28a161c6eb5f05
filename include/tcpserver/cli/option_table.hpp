#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/service.hpp"
#include "tcpserver/base/system_error.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// The one table from which flags, environment variables, lines of the configuration file, defaults and help
// lines of a program all come.
namespace tcpserver::cli {

// A value as it was given, before it was checked.
struct Given {
  std::string_view text;
  std::string label;  // who said so: "--backlog", "TCPSERVER_BACKLOG" or "FILE line 3: backlog"
};

struct OptionSpec {
  std::string_view name;        // "max-connections": --max-connections, TCPSERVER_MAX_CONNECTIONS
  char letter = '\0';           // 'c' for -c; none: '\0'
  std::string_view value_name;  // "N"; empty: a switch, which is on by its flag, and on or off elsewhere
  std::string default_text;     // for the help; empty: none is shown
  std::string help;
  // Checks the value and stores it. Called for each time the option was given, in order.
  // Throws StartError (usage) by way of refuse(). None for --help, --version and what else is a flag alone,
  // which neither a variable nor a file can give.
  std::function<void(const Given&)> apply;
};

using OptionTable = std::vector<OptionSpec>;

// An option of this name names the configuration file (config_file.hpp).
inline constexpr std::string_view config_option = "config";

// The same table twice more, storing elsewhere: there values are checked that a stronger source beats.
struct ScratchTables {
  OptionTable for_file;
  OptionTable for_variables;
};

struct Program {
  std::string_view name;                // "tcpserver"
  std::string_view synopsis;            // "[OPTION]..."
  std::string_view purpose;             // the help's first sentence
  std::string_view environment_prefix;  // "TCPSERVER_"; empty: no variables are read
  std::string_view operands;            // "HOST PORT", for the error; empty: none are allowed
  std::string_view notes;               // the help's last lines, each with its newline
};

// What parsing leaves beside the values that were applied.
struct Parsed {
  std::vector<std::string_view> operands;
  std::vector<std::string> warnings;    // one line each
  std::vector<std::string_view> asked;  // names of flags alone that were given
  std::string text_to_show;             // set by --help and --version: print it on stdout and end with 0
};

// Applies flags, variables and the lines of the configuration file: a flag beats the variable, the variable
// beats the file, the file beats the default. Of an option given twice in one place the last counts, but each
// is checked. A bad value of a variable that a flag beats is a warning, so that a flag always helps; so is an
// unknown variable with the prefix. In the file both are errors. Long options are not abbreviated.
// Throws StartError with one line for everything else that is not allowed: status usage, or no_input where
// the file cannot be read. May be called again, to read the file again. A relative path of the file
// begins at `directory`.
[[nodiscard]] Parsed parse_arguments(const Program& program, const OptionTable& table,
                                     const ScratchTables& scratch, int argc, char* const* argv,
                                     char* const* environment, const std::string& directory = {});

// The path as seen from this directory; as it is where it is absolute, or the directory is empty.
[[nodiscard]] std::string path_from(const std::string& directory, const std::string& path);

// The environment variable of an option: TCPSERVER_MAX_CONNECTIONS for --max-connections.
[[nodiscard]] std::string variable_name(const Program& program, const OptionSpec& spec);

// The text of --help. Where the program has variables, the table's first option must take a value.
[[nodiscard]] std::string help_text(const Program& program, const OptionTable& table);

// "0.1.0".
[[nodiscard]] const char* version() noexcept;

// The text of --version: "tcpserver 0.1.0".
[[nodiscard]] std::string version_text(std::string_view program);

// Refuses a value: "--port: '80x' is not a port: ...", where `allowed` is "a port: ...".
[[noreturn]] void refuse(const Given& given, std::string_view allowed);

// To throw: what was given does not go together.
[[nodiscard]] base::StartError contradiction(const std::string& text);

// The value as one of two words, or refused: as "'x' is not WHAT: first or second".
template <typename Choice>
struct Named {
  std::string_view name;
  Choice value;
};
template <typename Choice>
[[nodiscard]] Choice choice_of(const Given& given, std::string_view what, Named<Choice> first,
                               Named<Choice> second) {
  if (given.text == first.name) return first.value;
  if (given.text == second.name) return second.value;
  refuse(given, std::string(what).append(": ").append(first.name).append(" or ").append(second.name));
}

// The value as on or off, or refused.
[[nodiscard]] bool switch_of(const Given& given);

// The value as a service, or refused.
[[nodiscard]] base::Service parse_service(const Given& given);

// "echo or upper"; "echo: every byte as it came; upper: in capitals".
[[nodiscard]] std::string service_names();
[[nodiscard]] std::string service_help();

// The value as a duration (parse_duration), or refused.
[[nodiscard]] base::Duration duration_of(const Given& given);
// The same, above 0: else refused as "'0' is not WHAT: it must be above 0".
[[nodiscard]] base::Duration duration_above_zero(const Given& given, std::string_view what);

// The value as a size (parse_size) of 1 to `most` bytes, a whole number of GiB, or refused.
[[nodiscard]] std::uint64_t size_of(const Given& given, std::uint64_t most);

}  // namespace tcpserver::cli
