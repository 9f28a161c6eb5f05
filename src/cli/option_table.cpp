#include "tcpserver/cli/option_table.hpp"

#include "tcpserver/base/values.hpp"

#include "cli/config_file.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

namespace tcpserver::cli {

namespace {

using base::StartError;

// Levenshtein's distance: how many letters differ, are missing or are too many.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t changed = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

// Where a value comes from. Each beats those before it.
enum class Source { file, variable, flag };

struct SourcedValue {
  std::size_t spec;
  Source source;
  std::string text;
  std::string label;
};

// Collects the values of all three sources, then stores for each option those of the strongest.
class OptionReader {
 public:
  OptionReader(const Program& program, const OptionTexts& options, Parsed& parsed)
      : program_(program), options_(options), parsed_(parsed) {}

  void add_flags(int argc, char* const* argv);  // and operands
  void add_variables(char* const* environment);
  void add_file(const std::string& directory);
  void store_values(const Store& store);

 private:
  // "--max-connections", "TCPSERVER_MAX_CONNECTIONS" or "max-connections". Empty if this source cannot give
  // it.
  [[nodiscard]] std::string spell(const OptionText& option, Source source) const {
    if (source == Source::flag) return "--" + std::string(option.name);
    if (option.flag_only) return {};
    return source == Source::variable ? variable_name(program_, option) : std::string(option.name);
  }

  [[nodiscard]] std::optional<std::size_t> find(Source source, std::string_view name) const {
    for (std::size_t i = 0; i < options_.size() && !name.empty(); ++i) {
      if (spell(options_[i], source) == name) return i;
    }
    return std::nullopt;
  }

  // "; did you mean X?" for the nearest name, if at most two letters and a third of them differ. All names
  // begin with the same `prefix`, which is not counted.
  [[nodiscard]] std::string suggest(Source source, std::string_view wrong, std::string_view prefix) const {
    std::string best;
    std::size_t best_distance = 3;
    for (const auto& option : options_) {
      const auto name = spell(option, source);
      const bool abbreviated = wrong.size() > prefix.size() && name.starts_with(wrong);
      const std::size_t far = abbreviated ? 0 : distance(wrong, name);
      if (name.empty() || far >= best_distance || 3 * far > name.size() - prefix.size()) continue;
      best = name;
      best_distance = far;
    }
    return best.empty() ? "" : "; did you mean " + best + "?";
  }

  // "--backlog" or "-b".
  [[nodiscard]] std::size_t find_flag(std::string_view name) const {
    const auto by_letter = std::find_if(options_.begin(), options_.end(), [name](const OptionText& option) {
      return name.size() == 2 && option.letter == name[1];
    });
    if (by_letter != options_.end()) return static_cast<std::size_t>(by_letter - options_.begin());
    if (const auto spec = find(Source::flag, name)) return *spec;
    std::string help = std::string(program_.name) + " --help lists them all";
    if (!program_.operands.empty()) help.append("; without a flag: ").append(program_.operands);
    throw usage_error("unknown option " + base::in_quotes(name) + suggest(Source::flag, name, "--") + " (" +
                      help + ")");
  }

  const Program& program_;
  const OptionTexts& options_;
  std::vector<SourcedValue> values_;
  Parsed& parsed_;
};

// Takes argv apart as getopt_long(3) does, with one difference: long options are not abbreviated, for a
// script that relies on it breaks when another option begins alike.
void OptionReader::add_flags(int argc, char* const* argv) {
  int next = 1;
  // `text` is the part of the word behind the option's name, if any.
  const auto add = [&](std::size_t spec, std::optional<std::string_view> text) {
    const auto& option = options_[spec];
    const auto name = spell(option, Source::flag);
    if (!text && option.value_name.empty()) text = "on";
    if (!text && next == argc) {
      throw usage_error(name + " needs a value: " + name + " " + std::string(option.value_name));
    }
    const std::string value(text ? *text : argv[next++]);
    if (option.flag_only) return parsed_.asked.push_back(option.name);
    values_.push_back({spec, Source::flag, value, name});
  };
  while (next < argc) {
    const std::string_view word = argv[next++];
    if (word == "--") {
      parsed_.operands.insert(parsed_.operands.end(), argv + next, argv + argc);
      return;
    }
    if (word.starts_with("--")) {
      const auto equals = word.find('=');
      const auto spec = find_flag(word.substr(0, equals));
      const bool has_value = equals != std::string_view::npos;
      if (has_value && options_[spec].value_name.empty()) {
        throw usage_error(spell(options_[spec], Source::flag) + " takes no value");
      }
      add(spec, has_value ? std::optional(word.substr(equals + 1)) : std::nullopt);
    } else if (word.size() > 1 && word.front() == '-') {
      for (std::size_t i = 1; i < word.size(); ++i) {
        const auto spec = find_flag(std::string{'-', word[i]});
        const bool has_rest = !options_[spec].value_name.empty() && i + 1 < word.size();
        add(spec, has_rest ? std::optional(word.substr(i + 1)) : std::nullopt);
        if (has_rest) break;
      }
    } else {
      parsed_.operands.push_back(word);
    }
  }
}

void OptionReader::add_variables(char* const* environment) {
  if (program_.environment_prefix.empty()) return;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos || !entry.starts_with(program_.environment_prefix)) continue;
    const auto name = entry.substr(0, equals);
    const auto spec = find(Source::variable, name);
    if (!spec) {
      parsed_.warnings.push_back("warning: the variable " + base::in_quotes(name) + " is not one of " +
                                 std::string(program_.name) + "'s and has no effect" +
                                 suggest(Source::variable, name, program_.environment_prefix));
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
void OptionReader::add_file(const std::string& directory) {
  const auto config = find(Source::file, config_option);
  const SourcedValue* given = nullptr;  // the last flag, else the variable
  for (const auto& value : values_) {
    if (value.spec == config && (given == nullptr || given->source == value.source)) given = &value;
  }
  if (given == nullptr) return;
  if (given->text.empty()) refuse({given->text, given->label}, "a file's name");

  const std::string path = given->text;
  for (auto& line : parse_config(path, read_config_file(path_from(directory, path)))) {
    const std::string where = base::plain_or_quoted(path) + " line " + std::to_string(line.number) + ": ";
    const auto spec = find(Source::file, line.name);
    if (!spec) {
      throw usage_error(where + "unknown option " + base::in_quotes(line.name) +
                        suggest(Source::file, line.name, "") + " (the names are those of " +
                        std::string(program_.name) + " --help, without the dashes)");
    }
    if (spec == config) throw usage_error(where + "a configuration file cannot name another one");
    values_.push_back({*spec, Source::file, std::move(line.value), where + line.name});
  }
}

void OptionReader::store_values(const Store& store) {
  // The weaker first: where two options have to do with each other, the stronger has the last word.
  std::stable_sort(values_.begin(), values_.end(), [](const SourcedValue& left, const SourcedValue& right) {
    return left.source < right.source;
  });
  std::vector<Source> strongest(options_.size(), Source::file);
  for (const auto& value : values_) strongest[value.spec] = value.source;  // the last is the strongest
  for (const auto& value : values_) {
    const auto& option = options_[value.spec];
    const auto if_beaten = value.source == Source::file ? Target::beaten_in_file : Target::beaten_variable;
    const auto target = value.source == strongest[value.spec] ? Target::options : if_beaten;
    try {
      store(value.spec, target, {value.text, value.label});
    } catch (const StartError& refusal) {
      // A flag always helps, so a bad variable that it beats is no more than a warning. A file is its owner's
      // own, and a line that is wrong now would stop the server one day when the flag is gone.
      if (target != Target::beaten_variable) throw;
      parsed_.warnings.push_back("warning: " + std::string(refusal.what()) + " (--" +
                                 std::string(option.name) + " is in effect instead)");
    }
  }
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
  OptionReader reader(program, options, parsed);
  reader.add_flags(argc, argv);
  for (const auto name : parsed.asked) {
    if (name == "help") parsed.text_to_show = help_text(program, options);
    if (name == "version") parsed.text_to_show = version_text(program.name);
    if (!parsed.text_to_show.empty()) return parsed;
  }
  if (program.operands.empty() && !parsed.operands.empty()) {
    throw usage_error("unexpected argument " + base::in_quotes(parsed.operands.front()) + ": " +
                      std::string(program.name) + " takes options only");
  }
  reader.add_variables(environment);
  reader.add_file(directory);
  reader.store_values(store);
  return parsed;
}

}  // namespace tcpserver::cli
