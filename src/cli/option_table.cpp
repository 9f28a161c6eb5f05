#include "tcpserver/cli/option_table.hpp"

#include "tcpserver/base/values.hpp"

#include "cli/command_line.hpp"
#include "cli/config_file.hpp"
#include "cli/suggestion.hpp"

#include <algorithm>
#include <optional>

namespace tcpserver::cli {

namespace {

using base::StartError;

// Where a value comes from. Each beats those before it.
enum class Source { file, variable, flag };

struct SourcedValue {
  std::size_t spec;
  Source source;
  std::string text;
  std::string label;
};

// Collects the values of all three sources, then stores for each option those of the strongest.
class OptionResolver {
 public:
  OptionResolver(const Program& program, const OptionTexts& options) : program_(program), options_(options) {}

  void add_flags(const std::vector<Flag>& flags);
  void add_variables(char* const* environment);
  void add_file(const std::string& directory);
  // Returns the warnings.
  [[nodiscard]] std::vector<std::string> resolve(const Store& store);

 private:
  template <typename NameOf>
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name, NameOf name_of) const;
  template <typename NameOf>
  [[nodiscard]] std::string suggest(std::string_view wrong, NameOf name_of, std::string_view prefix) const;
  [[nodiscard]] const SourcedValue* strongest(std::size_t spec) const;
  void check_beaten(const SourcedValue& value, const Store& store);

  const Program& program_;
  const OptionTexts& options_;
  std::vector<SourcedValue> values_;
  std::vector<std::string> warnings_;
};

std::string name_in_file(const OptionText& option) {
  return std::string(option.name);
}

template <typename NameOf>
std::optional<std::size_t> OptionResolver::find(std::string_view name, NameOf name_of) const {
  const auto found = std::find_if(options_.begin(), options_.end(), [&](const OptionText& one) {
    return !one.flag_only && name_of(one) == name;
  });
  if (found == options_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - options_.begin());
}

template <typename NameOf>
std::string OptionResolver::suggest(std::string_view wrong, NameOf name_of, std::string_view prefix) const {
  std::vector<std::string> names;
  for (const auto& option : options_) {
    if (!option.flag_only) names.push_back(name_of(option));
  }
  return suggestion(wrong, names, prefix);
}

void OptionResolver::add_flags(const std::vector<Flag>& flags) {
  for (const auto& flag : flags) {
    const auto& option = options_[flag.spec];
    if (option.flag_only) continue;
    values_.push_back({flag.spec, Source::flag, std::string(flag.text), "--" + std::string(option.name)});
  }
}

void OptionResolver::add_variables(char* const* environment) {
  if (program_.environment_prefix.empty()) return;
  const auto name_of = [this](const OptionText& option) { return variable_name(program_, option); };
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos || !entry.starts_with(program_.environment_prefix)) continue;
    const auto name = entry.substr(0, equals);
    const auto spec = find(name, name_of);
    if (!spec) {
      warnings_.push_back("warning: the variable " + base::in_quotes(name) + " is not one of " +
                          std::string(program_.name) + "'s and has no effect" +
                          suggest(name, name_of, program_.environment_prefix));
      continue;
    }
    // As getenv: of a name that the environment has twice the first counts.
    const bool twice = std::any_of(values_.begin(), values_.end(), [spec](const SourcedValue& value) {
      return value.spec == *spec && value.source == Source::variable;
    });
    if (twice) continue;
    values_.push_back({*spec, Source::variable, std::string(entry.substr(equals + 1)), std::string(name)});
  }
}

// The file that --config or its variable names, if any.
void OptionResolver::add_file(const std::string& directory) {
  const auto config = find(config_option, name_in_file);
  const auto* const given = config ? strongest(*config) : nullptr;
  if (given == nullptr) return;
  if (given->text.empty()) refuse({given->text, given->label}, "a file's name");

  const std::string path = given->text;
  for (auto& line : parse_config(path, read_config_file(path_from(directory, path)))) {
    const std::string where = base::plain_or_quoted(path) + " line " + std::to_string(line.number) + ": ";
    const auto spec = find(line.name, name_in_file);
    if (!spec) {
      throw usage_error(where + "unknown option " + base::in_quotes(line.name) +
                        suggest(line.name, name_in_file, "") + " (the names are those of " +
                        std::string(program_.name) + " --help, without the dashes)");
    }
    if (spec == config) throw usage_error(where + "a configuration file cannot name another one");
    values_.push_back({*spec, Source::file, std::move(line.value), where + line.name});
  }
}

const SourcedValue* OptionResolver::strongest(std::size_t spec) const {
  const SourcedValue* found = nullptr;
  for (const auto& value : values_) {
    if (value.spec == spec && (found == nullptr || value.source >= found->source)) found = &value;
  }
  return found;
}

// A flag always helps, so a bad variable that it beats is no more than a warning. A file is its owner's own,
// and a line that is wrong now would stop the server one day when the flag is gone.
void OptionResolver::check_beaten(const SourcedValue& value, const Store& store) {
  const RawValue raw{value.text, value.label};
  if (value.source == Source::file) return store(value.spec, Target::beaten_in_file, raw);
  try {
    store(value.spec, Target::beaten_variable, raw);
  } catch (const StartError& refusal) {
    warnings_.push_back("warning: " + std::string(refusal.what()) + " (--" +
                        std::string(options_[value.spec].name) + " is in effect instead)");
  }
}

std::vector<std::string> OptionResolver::resolve(const Store& store) {
  // The weaker first: where two options have to do with each other, the stronger has the last word.
  std::stable_sort(values_.begin(), values_.end(), [](const SourcedValue& left, const SourcedValue& right) {
    return left.source < right.source;
  });
  std::vector<Source> strongest(options_.size(), Source::file);
  for (const auto& value : values_) strongest[value.spec] = value.source;  // the last is the strongest
  for (const auto& value : values_) {
    if (value.source == strongest[value.spec]) {
      store(value.spec, Target::options, {value.text, value.label});
    } else {
      check_beaten(value, store);
    }
  }
  return std::move(warnings_);
}

}  // namespace

std::string variable_name(const Program& program, const OptionText& option) {
  std::string name(program.environment_prefix);
  for (const char c : option.name) name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  return name;
}

void refuse(const RawValue& value, std::string_view allowed) {
  throw usage_error(value.label + ": " + base::in_quotes(value.text) + " is not " + std::string(allowed));
}

StartError usage_error(const std::string& line) {
  return {base::ExitStatus::usage, line};
}

void append_to_list(std::string& list, std::string_view item) {
  list.append(list.empty() ? "" : ", ").append(item);
}

std::string path_from(const std::string& directory, const std::string& path) {
  if (directory.empty() || path.starts_with('/')) return path;
  return directory + (directory.ends_with('/') ? "" : "/") + path;
}

Parsed parse_arguments(const Program& program, const OptionTexts& options, const Store& store, int argc,
                       char* const* argv, char* const* environment, const std::string& directory) {
  Parsed parsed;
  auto line = read_command_line(program, options, argc, argv);
  for (const auto& flag : line.flags) {
    const auto& option = options[flag.spec];
    if (option.name == "help") parsed.text_to_show = help_text(program, options);
    if (option.name == "version") parsed.text_to_show = version_text(program.name);
    if (!parsed.text_to_show.empty()) return parsed;
    if (option.flag_only) parsed.asked.push_back(option.name);
  }
  if (program.operands.empty() && !line.operands.empty()) {
    throw usage_error("unexpected argument " + base::in_quotes(line.operands.front()) + ": " +
                      std::string(program.name) + " takes options only");
  }
  parsed.operands = std::move(line.operands);

  OptionResolver resolver(program, options);
  resolver.add_flags(line.flags);
  resolver.add_variables(environment);
  resolver.add_file(directory);
  parsed.warnings = resolver.resolve(store);
  return parsed;
}

}  // namespace tcpserver::cli
