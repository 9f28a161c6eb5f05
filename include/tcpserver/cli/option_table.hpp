#pragma once

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// One table per program. Its flags, environment variables, lines of the configuration file, defaults, help
// and reload all come from it. option_values.hpp has the usual kinds of values.
namespace tcpserver::cli {

// A value before it is checked.
struct RawValue {
  std::string_view text;
  std::string label;  // its source: "--backlog", "TCPSERVER_BACKLOG" or "FILE line 3: backlog"
};

// When a change in the configuration file of a running program takes effect.
enum class Effect { now, next_connection, restart };

// How one member of the options is parsed, printed, compared and copied. Without `parse`, only a flag can
// give the option; without `equal`, a reload ignores it.
template <typename Options>
struct Setting {
  // Checks and stores one value. If the option is repeated, this is called for each value, in order. Calls
  // refuse() for a bad value.
  std::function<void(Options&, const RawValue&)> parse;
  // Returns the text that `parse` reads back; empty if nothing is set. Needed if a change takes effect
  // without a restart.
  std::function<std::string(const Options&)> print;
  std::function<bool(const Options&, const Options&)> equal;
  std::function<void(Options& to, const Options& from)> copy;
  std::string words{};       // "fork|iterative" if only these values are allowed
  bool accumulates = false;  // several lines of one file add up
};

template <typename Options>
struct OptionSpec {
  std::string_view name;  // "max-connections": --max-connections, TCPSERVER_MAX_CONNECTIONS. Empty: a heading
  char letter;            // 'c' for -c; '\0' if there is none
  // "N". Empty for a switch: its flag turns it on, variables and files say on or off. The help shows
  // "fork|iterative" instead if the Setting has words; the completion reads them there.
  std::string_view value_name;
  std::string_view default_text;  // for the help; empty if none is shown
  std::string help;
  Setting<Options> setting{};
  Effect effect = Effect::restart;
  bool (*unused)(const Options&) = nullptr;  // returns true if other options make this one ineffective
};

template <typename Options>
using OptionTable = std::vector<OptionSpec<Options>>;

// A row that begins a group of options in the help.
template <typename Options>
[[nodiscard]] OptionSpec<Options> heading(std::string text) {
  return {{}, '\0', {}, {}, std::move(text)};
}

// The part of an option that does not depend on the type of the options.
struct OptionText {
  std::string_view name;
  char letter;
  std::string value_name;
  std::string_view default_text;
  std::string help;
  bool flag_only;    // neither a variable nor a file can give it: --help
  bool accumulates;  // several lines of one file add up
};

using OptionTexts = std::vector<OptionText>;

template <typename Options>
[[nodiscard]] OptionTexts texts(const OptionTable<Options>& table) {
  OptionTexts all;
  for (const auto& spec : table) {
    const std::string value_name(spec.setting.words.empty() ? spec.value_name : spec.setting.words);
    all.push_back({spec.name, spec.letter, value_name, spec.default_text, spec.help, !spec.setting.parse,
                   spec.setting.accumulates});
  }
  return all;
}

// The option of this name names the configuration file.
inline constexpr std::string_view config_option = "config";
// With the flag of this name, errors in values are returned instead of thrown.
inline constexpr std::string_view test_option = "test";

// A word that users of other programs type, and our option for it, both without dashes.
struct Synonym {
  std::string_view typed;
  std::string_view option;
};

// All texts may be of any length: the help is wrapped. Each line of `notes` and `examples` ends with a
// newline.
struct Program {
  std::string_view name;                  // "tcpserver"
  std::string_view synopsis;              // "[OPTION]..."
  std::string_view purpose;               // the first sentence of the help
  std::string_view environment_prefix{};  // "TCPSERVER_"; empty if no variables are read
  std::string_view operands{};            // "HOST PORT", for the error; empty if none are allowed
  std::string_view notes{};
  std::string_view examples{};
  std::string_view manual{};    // "tcpserver", the page for man(1); empty: not named
  std::string_view features{};  // for --version: "static"; empty: none
  std::span<const Synonym> synonyms{};
};

// The results of parsing, apart from the stored values.
struct Parsed {
  std::vector<std::string_view> operands;
  std::vector<std::string> warnings;    // one line each
  std::vector<std::string> details;     // one line each, for --verbose and --test
  std::vector<std::string_view> asked;  // the options without a Setting that were given
  std::string text_to_show;             // set by -h, --help and --version: print it on stdout and exit with 0
  std::vector<base::StartError> errors;  // with --test: one line each
  std::vector<std::string> sources;  // for each row of the table, where its value comes from; "default" if
                                     // it was not given
};

// Where a value is stored: in the options, or, if a source with a higher priority overrides it, in a copy
// that only checks it.
enum class Target { options, overridden_in_file, overridden_variable };
using Store = std::function<void(std::size_t spec, Target, const RawValue&)>;

// The part of parse_arguments() that does not know the type of the options.
[[nodiscard]] Parsed parse_arguments(const Program& program, const OptionTexts& options, const Store& store,
                                     int argc, char* const* argv, char* const* environment,
                                     const std::string& directory);

// Stores flags, variables and lines of the configuration file. A flag overrides the variable, the variable
// the file, the file the default. Long options are not abbreviated. A relative path of the file begins at
// `directory`. May be called again, to read the file again.
//
// The last of repeated flags counts, but each is checked. A file may repeat only options that accumulate.
//
// An empty variable counts as not set. These cause only a warning: an unknown variable with the prefix, an
// invalid one that a flag overrides, so that a flag can always correct it, and the variables that Kubernetes
// or Docker set for a service with the program's name.
//
// Throws StartError for everything else that is not allowed: usage, config for a line of the file, or
// no_input if the file cannot be read. With --test it returns the errors instead, at most about twenty. In
// both cases `target` has all valid values.
template <typename Options>
[[nodiscard]] Parsed parse_arguments(const Program& program, const OptionTable<Options>& table,
                                     Options& target, int argc, char* const* argv,
                                     char* const* environment = nullptr, const std::string& directory = {}) {
  Options overridden_in_file;
  Options overridden_variables;
  Options* const targets[] = {&target, &overridden_in_file, &overridden_variables};
  const Store store = [&](std::size_t spec, Target which, const RawValue& value) {
    table[spec].setting.parse(*targets[static_cast<std::size_t>(which)], value);
  };
  return parse_arguments(program, texts(table), store, argc, argv, environment, directory);
}

// The result of reading the options of a running program again.
template <typename Options>
struct Reload {
  Options options;            // in force from now on
  std::string changed;        // "backlog 128 -> 7, max-connections 1000 -> 5"; may be empty
  std::string needs_restart;  // "port, mode": changed in the file, and not in force; may be empty
};

void append_to_list(std::string& list, std::string_view item);  // with a comma between

template <typename Options>
[[nodiscard]] Reload<Options> compare(const OptionTable<Options>& table, const Options& running,
                                      const Options& read) {
  Reload<Options> reload{running, {}, {}};
  for (const auto& spec : table) {
    const auto& setting = spec.setting;
    if (!setting.equal || setting.equal(running, read)) continue;
    if (spec.effect == Effect::restart) {
      append_to_list(reload.needs_restart, spec.name);
      continue;
    }
    setting.copy(reload.options, read);
    if (spec.unused != nullptr && spec.unused(running)) continue;
    append_to_list(reload.changed,
                   std::string(spec.name) + " " + setting.print(running) + " -> " + setting.print(read));
  }
  return reload;
}

// The options that were given although these options leave them no effect: "--reap, --max-per-host".
template <typename Options>
[[nodiscard]] std::string unused_options(const OptionTable<Options>& table, const Options& options) {
  std::string names;
  for (const auto& spec : table) {
    const bool unused = spec.unused != nullptr && spec.unused(options);
    if (unused && !spec.setting.equal(options, Options{}))
      append_to_list(names, "--" + std::string(spec.name));
  }
  return names;
}

// Returns a line of effective_values().
[[nodiscard]] std::string format_effective_value(std::string_view option, const std::string& value,
                                                 const std::string& source, bool as_json);

// Returns the values in effect, one line each, with their sources: "port = 7300  (--port)", or as JSON
// {"option": "port", "value": "7300", "source": "--port"}. Options that are not set are omitted.
template <typename Options>
[[nodiscard]] std::string effective_values(const OptionTable<Options>& table, const Options& options,
                                           const std::vector<std::string>& sources, bool as_json) {
  std::string text;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto value = table[i].setting.print ? table[i].setting.print(options) : std::string();
    if (!value.empty()) text += format_effective_value(table[i].name, value, sources[i], as_json);
  }
  return text;
}

// The path relative to this directory; unchanged if it is absolute or the directory is empty.
[[nodiscard]] std::string path_from(const std::string& directory, const std::string& path);

// The environment variable of an option: TCPSERVER_MAX_CONNECTIONS for --max-connections.
[[nodiscard]] std::string variable_name(const Program& program, std::string_view option);

// The text of --help: all options with their explanations, in lines of at most `width` columns.
[[nodiscard]] std::string help_text(const Program& program, const OptionTexts& options, std::size_t width);

// The text of -h, which fits one screen: the names of the options.
[[nodiscard]] std::string short_help(const Program& program, const OptionTexts& options, std::size_t width);

// The width of the help: that of the terminal, else 79.
[[nodiscard]] std::size_t help_width();

// "0.1.0".
[[nodiscard]] const char* version() noexcept;

// The text of --version: "tcpserver 0.1.0 (commit 1ae93ba)", then the features and the license.
[[nodiscard]] std::string version_text(const Program& program);

// Refuses a value: "--port: invalid value '80x': expected a port, ...", where `allowed` is "a port, ...".
// Explains quotes, blanks and unusual characters in the value.
[[noreturn]] void refuse(const RawValue& value, std::string_view allowed);

// Refuses a value for another reason: "--bind: ::1 is given twice", where `why` is "is given twice".
[[noreturn]] void refuse_because(const RawValue& value, std::string_view why);

// Returns the fewest edits between two words (optimal string alignment distance): a letter changed, missing
// or too many, or two neighbours swapped.
[[nodiscard]] std::size_t edit_distance(std::string_view left, std::string_view right);

// For options that are not allowed, or not together. The caller throws it.
[[nodiscard]] base::StartError usage_error(const std::string& line);

}  // namespace tcpserver::cli
