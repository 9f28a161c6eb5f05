#include "tcpserver/cli/option_table.hpp"

#include "tcpserver/base/values.hpp"

#include "cli/command_line.hpp"
#include "cli/config_file.hpp"
#include "cli/suggestion.hpp"

#include <algorithm>
#include <optional>

namespace tcpserver::cli {

namespace {

using base::ExitStatus;
using base::StartError;

// Where a value comes from. Each beats those before it.
enum class Source { file, variable, flag };

struct SourcedValue {
  std::size_t spec;
  Source source;
  std::string text;
  std::string label;
};

// Or it is a flag alone, and for the command line: --help.
bool has_value(const OptionSpec& spec) {
  return static_cast<bool>(spec.apply);
}

std::optional<std::size_t> find_spec(const OptionTable& table, std::string_view name) {
  const auto spec = std::find_if(table.begin(), table.end(), [name](const OptionSpec& one) {
    return one.name == name && has_value(one);
  });
  if (spec == table.end()) return std::nullopt;
  return static_cast<std::size_t>(spec - table.begin());
}

// Collects what all three sources say, then applies to each option what beats the rest.
class Settlement {
 public:
  Settlement(const Program& program, const OptionTable& table) : program_(program), table_(table) {}

  void add_flags(const std::vector<Flag>& flags);
  void add_variables(char* const* environment);
  void add_file(const std::string& directory);
  void apply(const ScratchTables& scratch);
  [[nodiscard]] std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  [[nodiscard]] const SourcedValue* value_in_effect(std::size_t spec) const;
  void warn_of_variable(std::string_view name);
  void check_beaten(const OptionSpec& scratch, const SourcedValue& value);

  const Program& program_;
  const OptionTable& table_;
  std::vector<SourcedValue> values_;
  std::vector<std::string> warnings_;
};

void Settlement::add_flags(const std::vector<Flag>& flags) {
  for (const auto& flag : flags) {
    const auto& spec = table_[flag.spec];
    if (!has_value(spec)) continue;
    values_.push_back({flag.spec, Source::flag, std::string(flag.text), "--" + std::string(spec.name)});
  }
}

void Settlement::add_variables(char* const* environment) {
  if (program_.environment_prefix.empty()) return;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos || !entry.starts_with(program_.environment_prefix)) continue;
    const auto name = entry.substr(0, equals);
    const auto spec = std::find_if(table_.begin(), table_.end(), [&](const OptionSpec& one) {
      return has_value(one) && variable_name(program_, one) == name;
    });
    if (spec == table_.end()) {
      warn_of_variable(name);
      continue;
    }
    const auto index = static_cast<std::size_t>(spec - table_.begin());
    // As getenv: of a name that the environment has twice the first counts.
    const bool twice = std::any_of(values_.begin(), values_.end(), [index](const SourcedValue& value) {
      return value.spec == index && value.source == Source::variable;
    });
    if (!twice) {
      values_.push_back({index, Source::variable, std::string(entry.substr(equals + 1)), std::string(name)});
    }
  }
}

void Settlement::warn_of_variable(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& spec : table_) {
    if (has_value(spec)) names.push_back(variable_name(program_, spec));
  }
  warnings_.push_back("warning: the variable " + base::in_quotes(name) + " is not one of " +
                      std::string(program_.name) + "'s and has no effect" +
                      suggestion(name, names, program_.environment_prefix));
}

// The file that --config or its variable names, if any.
void Settlement::add_file(const std::string& directory) {
  const auto config = find_spec(table_, config_option);
  const auto* const given = config ? value_in_effect(*config) : nullptr;
  if (given == nullptr) return;
  if (given->text.empty()) refuse({given->text, given->label}, "a file's name");

  const std::string path = given->text;
  for (auto& line : parse_config(path, read_config_file(path_from(directory, path)))) {
    const std::string where = base::plain_or_quoted(path) + " line " + std::to_string(line.number) + ": ";
    const auto spec = find_spec(table_, line.name);
    if (!spec) {
      std::vector<std::string> names;
      for (const auto& one : table_) {
        if (has_value(one)) names.emplace_back(one.name);
      }
      throw StartError(ExitStatus::usage, where + "unknown option " + base::in_quotes(line.name) +
                                              suggestion(line.name, names, "") + " (the names are those of " +
                                              std::string(program_.name) + " --help, without the dashes)");
    }
    if (spec == config) {
      throw StartError(ExitStatus::usage, where + "a configuration file cannot name another one");
    }
    values_.push_back({*spec, Source::file, std::move(line.value), where + line.name});
  }
}

const SourcedValue* Settlement::value_in_effect(std::size_t spec) const {
  const SourcedValue* found = nullptr;
  for (const auto& value : values_) {
    if (value.spec == spec && (found == nullptr || value.source >= found->source)) found = &value;
  }
  return found;
}

// A flag always helps, so a bad variable that it beats is no more than a warning. A file is its owner's own,
// and a line that is wrong now would stop the server one day when the flag is gone.
void Settlement::check_beaten(const OptionSpec& scratch, const SourcedValue& value) {
  const Given given{value.text, value.label};
  if (value.source == Source::file) return scratch.apply(given);
  try {
    scratch.apply(given);
  } catch (const StartError& refusal) {
    warnings_.push_back("warning: " + std::string(refusal.what()) + " (--" + std::string(scratch.name) +
                        " is in effect instead)");
  }
}

void Settlement::apply(const ScratchTables& scratch) {
  // The weaker first: where two options have to do with each other, the stronger has the last word.
  std::stable_sort(values_.begin(), values_.end(), [](const SourcedValue& left, const SourcedValue& right) {
    return left.source < right.source;
  });
  std::vector<Source> strongest(table_.size(), Source::file);
  for (const auto& value : values_) strongest[value.spec] = value.source;  // the last is the strongest
  for (const auto& value : values_) {
    if (value.source == strongest[value.spec]) {
      table_[value.spec].apply({value.text, value.label});
    } else {
      const bool in_file = value.source == Source::file;
      check_beaten((in_file ? scratch.for_file : scratch.for_variables)[value.spec], value);
    }
  }
}

}  // namespace

std::string variable_name(const Program& program, const OptionSpec& spec) {
  std::string name(program.environment_prefix);
  for (const char c : spec.name) name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  return name;
}

void refuse(const Given& given, std::string_view allowed) {
  throw StartError(ExitStatus::usage,
                   given.label + ": " + base::in_quotes(given.text) + " is not " + std::string(allowed));
}

StartError contradiction(const std::string& text) {
  return {ExitStatus::usage, text};
}

base::Duration duration_of(const Given& given) {
  const auto value = base::parse_duration(given.text);
  if (!value)
    refuse(given, "a duration: 800us, 250ms, 2s, 5m or 1h, at most a year; a bare number is seconds");
  return *value;
}

base::Duration duration_above_zero(const Given& given, std::string_view what) {
  const auto value = duration_of(given);
  if (value == base::Duration::zero()) refuse(given, std::string(what) + ": it must be above 0");
  return value;
}

std::uint64_t size_of(const Given& given, std::uint64_t most) {
  const auto value = base::parse_size(given.text, 1, most);
  if (!value) {
    refuse(given, "a size: bytes from 1 to " + std::to_string(most >> 30) + "G, such as 100, 64K, 1M or 1G");
  }
  return *value;
}

base::Service parse_service(const Given& given) {
  for (const auto& service : base::services) {
    if (given.text == service.name) return service;
  }
  refuse(given, "a service: " + service_names());
}

std::string service_names() {
  std::string names;
  for (const auto& service : base::services) {
    if (!names.empty()) names += &service == std::end(base::services) - 1 ? " or " : ", ";
    names += service.name;
  }
  return names;
}

std::string service_help() {
  std::string help;
  for (const auto& service : base::services) {
    if (!help.empty()) help += "; ";
    help.append(service.name).append(": ").append(service.help);
  }
  return help;
}

bool switch_of(const Given& given) {
  if (given.text == "on") return true;
  if (given.text == "off") return false;
  refuse(given, "a switch: on or off");
}

std::string path_from(const std::string& directory, const std::string& path) {
  if (directory.empty() || path.starts_with('/')) return path;
  return directory + (directory.ends_with('/') ? "" : "/") + path;
}

Parsed parse_arguments(const Program& program, const OptionTable& table, const ScratchTables& scratch,
                       int argc, char* const* argv, char* const* environment, const std::string& directory) {
  Parsed parsed;
  const auto line = read_command_line(program, table, argc, argv);
  for (const auto& flag : line.flags) {
    const auto& spec = table[flag.spec];
    if (spec.name == "help") parsed.text_to_show = help_text(program, table);
    if (spec.name == "version") parsed.text_to_show = version_text(program.name);
    if (!parsed.text_to_show.empty()) return parsed;
    if (!has_value(spec)) parsed.asked.push_back(spec.name);
  }
  if (program.operands.empty() && !line.operands.empty()) {
    throw StartError(ExitStatus::usage, "unexpected argument " + base::in_quotes(line.operands.front()) +
                                            ": " + std::string(program.name) + " takes options only");
  }
  parsed.operands = line.operands;

  Settlement settlement(program, table);
  settlement.add_flags(line.flags);
  settlement.add_variables(environment);
  settlement.add_file(directory);
  settlement.apply(scratch);
  parsed.warnings = settlement.take_warnings();
  return parsed;
}

}  // namespace tcpserver::cli
