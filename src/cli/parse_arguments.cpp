#include "tcpserver/base/characters.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_table.hpp"
#include "tcpserver/cli/option_values.hpp"

#include "cli/config_file.hpp"
#include "cli/foreign_text.hpp"

#include <algorithm>
#include <optional>
#include <span>

namespace tcpserver::cli {

namespace {

using base::StartError;

// -h among the options that were asked for; --help is under its name.
constexpr std::string_view short_help_asked = "h";

// With --test, a file with more errors is probably the wrong file.
constexpr std::size_t most_errors = 20;

// Where a value comes from. Each overrides those before it.
enum class Source { file, variable, flag };

struct SourcedValue {
  std::size_t spec;
  Source source;
  std::string text;
  std::string label;
  std::size_t line = 0;  // in the file; 0 for other sources
};

// Docker and CI systems keep comments as part of a variable's value.
void check_variable(const SourcedValue& value) {
  const bool has_comment = value.source == Source::variable && find_comment(value.text) != std::string::npos;
  if (has_comment)
    refuse_because({value.text, value.label}, "has a comment, which a variable cannot have; remove it");
}

using Words = std::span<char* const>;  // the rest of argv

// Collects the values of all three sources, then stores for each option those of the source with the highest
// priority.
class OptionReader {
 public:
  OptionReader(const Program& program, const OptionTexts& options, Parsed& parsed)
      : program_(program), options_(options), parsed_(parsed) {}

  void add_flags(Words words);  // and operands
  void add_variables(char* const* environment);
  void add_file(const std::string& directory);
  void store_values(const Store& store);

  // Notes an error, and goes on to find the others. `line` is 0 for flags and variables.
  void report(std::size_t line, const StartError& error) {
    const std::string_view text = error.what();
    for (const auto& known : errors_) {
      if (known.second.what() == text) return;
    }
    errors_.emplace_back(line, error);
  }
  [[nodiscard]] std::vector<StartError> errors();  // in the order of the lines

 private:
  // "--max-connections", "TCPSERVER_MAX_CONNECTIONS" or "max-connections".
  [[nodiscard]] std::string spell(std::string_view name, Source source) const {
    if (source == Source::flag) return "--" + std::string(name);
    return source == Source::variable ? variable_name(program_, name) : std::string(name);
  }

  [[nodiscard]] bool may_come_from(const OptionText& option, Source source) const {
    return !option.name.empty() && (source == Source::flag || !option.flag_only);
  }

  [[nodiscard]] std::optional<std::size_t> find(Source source, std::string_view name) const {
    for (std::size_t i = 0; i < options_.size(); ++i) {
      if (may_come_from(options_[i], source) && spell(options_[i].name, source) == name) return i;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string suggest(Source source, std::string_view wrong, std::string_view prefix) const;
  [[nodiscard]] std::size_t find_flag(std::string_view name) const;
  void add_long_flag(std::string_view word, Words& next);
  void add_letters(std::string_view word, Words& next);
  void add_flag(std::size_t spec, std::optional<std::string_view> text, Words& next);
  void add_line(const ConfigLine& line, const std::string& where);

  const Program& program_;
  const OptionTexts& options_;
  std::vector<SourcedValue> values_;
  Parsed& parsed_;
  std::vector<std::pair<std::size_t, StartError>> errors_;  // with their lines
};

// Returns "; did you mean X?" or "; give it as a flag: --X": the option for a synonym, else the nearest name
// that differs in at most two letters and at most a third of its letters. All names begin with the same
// `prefix`, which is not counted.
std::string OptionReader::suggest(Source source, std::string_view wrong, std::string_view prefix) const {
  for (const auto& option : options_) {
    if (option.flag_only && !option.name.empty() && spell(option.name, source) == wrong)
      return "; give it as a flag: --" + std::string(option.name);
  }
  std::string best;
  const auto is_possible = [&](const OptionText& option) {
    return may_come_from(option, source) && (source != Source::file || option.name != config_option);
  };
  for (const auto& [typed, name] : program_.synonyms) {
    for (const auto& option : options_) {
      if (option.name == name && is_possible(option) && spell(typed, source) == wrong)
        best = spell(name, source);
    }
  }
  std::size_t best_distance = best.empty() ? 3 : 0;
  const auto normal = normalize(wrong, program_);
  for (const auto& option : options_) {
    if (!is_possible(option)) continue;
    const auto name = spell(option.name, source);
    const bool abbreviated = wrong.size() > prefix.size() && name.starts_with(wrong);
    const bool same = abbreviated || (normal.size() == 1 && option.letter == normal[0]);
    const auto far = same ? 0 : std::min(edit_distance(wrong, name), edit_distance(normal, option.name));
    if (far >= best_distance || 3 * far > name.size() - prefix.size()) continue;
    best = name;
    best_distance = far;
  }
  return best.empty() ? "" : "; did you mean " + best + "?";
}

// Finds "--backlog" or "-b".
std::size_t OptionReader::find_flag(std::string_view name) const {
  const auto by_letter = std::find_if(options_.begin(), options_.end(), [name](const OptionText& option) {
    return name.size() == 2 && option.letter == name[1];
  });
  if (by_letter != options_.end()) return static_cast<std::size_t>(by_letter - options_.begin());
  if (const auto spec = find(Source::flag, name)) return *spec;
  auto hint = suggest(Source::flag, name, "--");
  if (hint.empty()) {
    hint = program_.operands.empty()
               ? "; see " + std::string(program_.name) + " --help"
               : "; usage: " + std::string(program_.name) + " " + std::string(program_.synopsis);
  }
  throw usage_error("unknown option " + base::quote_and_name(name) + hint);
}

// Takes argv apart as getopt_long(3) does, with one difference: long options are not abbreviated. A script
// that abbreviates breaks when a new option begins with the same letters. After a bad word it goes on:
// --log-format decides how the error is printed.
void OptionReader::add_flags(Words words) {
  while (!words.empty()) {
    const std::string_view word = words.front();
    words = words.subspan(1);
    if (word == "--") {
      parsed_.operands.insert(parsed_.operands.end(), words.begin(), words.end());
      return;
    }
    if (word.size() < 2 || word.front() != '-') {
      parsed_.operands.push_back(word);
      continue;
    }
    try {
      word.starts_with("--") ? add_long_flag(word, words) : add_letters(word, words);
    } catch (const StartError& error) {
      report(0, error);
    }
  }
}

void OptionReader::add_long_flag(std::string_view word, Words& next) {
  const auto equals = word.find('=');
  const auto spec = find_flag(word.substr(0, equals));
  const bool has_value = equals != std::string_view::npos;
  if (has_value && options_[spec].flag_only) {
    throw usage_error(spell(options_[spec].name, Source::flag) + " takes no value");
  }
  add_flag(spec, has_value ? std::optional(word.substr(equals + 1)) : std::nullopt, next);
}

void OptionReader::add_letters(std::string_view word, Words& next) {
  for (std::size_t i = 1; i < word.size(); ++i) {
    const bool is_ascii = base::read_character(word.substr(i)).kind == base::CharacterKind::ascii;
    const auto spec = find_flag(is_ascii ? std::string{'-', word[i]} : std::string(word));
    if (options_[spec].name == "help") {
      parsed_.asked.push_back(short_help_asked);
      continue;
    }
    const bool has_rest = !options_[spec].value_name.empty() && i + 1 < word.size();
    add_flag(spec, has_rest ? std::optional(word.substr(i + 1)) : std::nullopt, next);
    if (has_rest) break;
  }
}

// `text` is the part of the word behind the option's name, if any. Otherwise the value is the next word.
void OptionReader::add_flag(std::size_t spec, std::optional<std::string_view> text, Words& next) {
  const auto& option = options_[spec];
  const auto name = spell(option.name, Source::flag);
  if (!text && option.value_name.empty()) text = "on";
  if (!text) {
    if (next.empty()) throw usage_error(name + " needs a value: " + name + " " + option.value_name);
    text = next.front();
    next = next.subspan(1);
  }
  if (option.flag_only) return parsed_.asked.push_back(option.name);
  values_.push_back({spec, Source::flag, std::string(*text), name});
}

void OptionReader::add_variables(char* const* environment) {
  const auto& prefix = program_.environment_prefix;
  if (prefix.empty()) return;
  std::vector<std::string_view> links;
  std::string empty;
  std::vector<std::pair<std::string_view, std::string_view>> seen;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos || !entry.starts_with(prefix)) continue;
    const auto name = entry.substr(0, equals);
    const auto text = entry.substr(equals + 1);
    const auto first =
        std::find_if(seen.begin(), seen.end(), [&](const auto& it) { return it.first == name; });
    if (first != seen.end()) {  // the first counts, as with getenv(3)
      if (first->second == text) continue;
      parsed_.warnings.push_back(
          base::quote_unless_plain(name) +
          " is set twice in the environment with different values; the first one is used");
      continue;
    }
    seen.emplace_back(name, text);
    const auto spec = find(Source::variable, name);
    if (is_service_link(entry.substr(prefix.size())) && (!spec || text.find("://") != text.npos)) {
      links.push_back(name);
    } else if (!spec) {
      parsed_.warnings.push_back("ignored unknown variable " + base::quote_and_name(name) +
                                 suggest(Source::variable, name, prefix));
    } else if (trim(text).empty()) {
      append_to_list(empty, name);
    } else {
      values_.push_back({*spec, Source::variable, std::string(text), std::string(name)});
    }
  }
  if (!empty.empty()) parsed_.details.push_back("empty variables count as not set: " + empty);
  if (links.empty()) return;
  parsed_.warnings.push_back(
      "ignored variables of a Kubernetes Service or Docker link: " + base::quote_unless_plain(links.front()) +
      (links.size() > 1 ? " and " + std::to_string(links.size() - 1) + " more" : "") +
      "; to avoid them, set enableServiceLinks: false in the pod");
}

// The file that --config or its variable names, if any.
void OptionReader::add_file(const std::string& directory) {
  const auto config = find(Source::file, config_option);
  const SourcedValue* given = nullptr;  // the last flag, else the variable
  for (const auto& value : values_) {
    if (value.spec == config && (given == nullptr || given->source == value.source)) given = &value;
  }
  if (given == nullptr) return;
  std::string text;
  try {
    check_variable(*given);
    text = read_config_file(path_from(directory, cli::path()({given->text, given->label})));
  } catch (const StartError& error) {
    return report(0, error);
  }
  const auto name = base::quote_unless_plain(given->text);
  for (const auto& line : parse_config(text)) {
    add_line(line, name + " line " + std::to_string(line.number));
    if (errors_.size() < most_errors) continue;
    return report(line.number, {base::ExitStatus::config,
                                name + ": too many errors; the remaining lines were not checked"});
  }
}

void OptionReader::add_line(const ConfigLine& line, const std::string& where) {
  const auto refuse_line = [&](const std::string& why) {
    report(line.number, {base::ExitStatus::config, where + ": " + why});
  };
  if (line.name.empty()) return refuse_line(line.value);
  const auto spec = find(Source::file, line.name);
  if (spec && options_[*spec].name == config_option) {
    return refuse_line("a configuration file cannot name another one");
  }
  if (spec) {
    const auto earlier = std::find_if(values_.begin(), values_.end(), [spec](const SourcedValue& value) {
      return value.spec == *spec && value.source == Source::file;
    });
    if (earlier != values_.end() && !options_[*spec].accumulates) {
      return refuse_line(line.name + ": already set in line " + std::to_string(earlier->line));
    }
    return values_.push_back({*spec, Source::file, line.value, where + ": " + line.name, line.number});
  }
  // Without a similar option, this may be a secret in a wrong file.
  const auto hint = suggest(Source::file, line.name, "");
  const auto strange = base::find_unusual_character(line.name);
  refuse_line("unknown option" + (!hint.empty()     ? " " + base::quote_and_name(line.name) + hint
                                  : strange.empty() ? ""
                                                    : "; the name has " + strange));
}

void OptionReader::store_values(const Store& store) {
  // The lowest priority comes first: if two options set one member, the source with the higher priority wins.
  std::stable_sort(values_.begin(), values_.end(), [](const SourcedValue& left, const SourcedValue& right) {
    return left.source < right.source;
  });
  std::vector<Source> highest(options_.size(), Source::file);
  for (const auto& value : values_) highest[value.spec] = value.source;  // the last has the highest priority
  for (const auto& value : values_) {
    const auto& option = options_[value.spec];
    const auto if_overridden =
        value.source == Source::file ? Target::overridden_in_file : Target::overridden_variable;
    const auto target = value.source == highest[value.spec] ? Target::options : if_overridden;
    parsed_.sources[value.spec] = value.source == Source::file
                                      ? value.label.substr(0, value.label.size() - option.name.size() - 2)
                                      : value.label;
    try {
      check_variable(value);
      store(value.spec, target, {value.text, value.label});
    } catch (const StartError& refusal) {
      // An invalid variable causes only a warning, so that a flag can always correct it. An invalid line of
      // the file is always an error, because it would stop the server once the flag is removed.
      if (target == Target::overridden_variable) {
        parsed_.warnings.push_back(std::string(refusal.what()) + "; --" + std::string(option.name) +
                                   " overrides it");
        continue;
      }
      report(value.line,
             {value.source == Source::file ? base::ExitStatus::config : refusal.status(), refusal.what()});
    }
  }
}

std::vector<StartError> OptionReader::errors() {
  std::stable_sort(errors_.begin(), errors_.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  std::vector<StartError> errors;
  for (const auto& error : errors_) errors.push_back(error.second);
  return errors;
}

// The error for a start without --test, which lists all.
StartError first_error(const Program& program, const OptionTexts& options,
                       const std::vector<StartError>& errors) {
  std::string line = errors.front().what();
  const bool has_test = std::any_of(options.begin(), options.end(),
                                    [](const OptionText& option) { return option.name == test_option; });
  if (has_test && errors.size() > 1) {
    line.append("; there are more errors, see ").append(program.name).append(" --test");
  }
  return {errors.front().status(), line};
}

}  // namespace

Parsed parse_arguments(const Program& program, const OptionTexts& options, const Store& store, int argc,
                       char* const* argv, char* const* environment, const std::string& directory) {
  Parsed parsed;
  OptionReader reader(program, options, parsed);
  reader.add_flags({argv + 1, argv + std::max(argc, 1)});
  parsed.errors = reader.errors();
  for (const auto name : parsed.asked) {
    if (!parsed.errors.empty()) break;
    if (name == "help") parsed.text_to_show = help_text(program, options, help_width());
    if (name == short_help_asked) parsed.text_to_show = short_help(program, options, help_width());
    if (name == "version") parsed.text_to_show = version_text(program);
    if (!parsed.text_to_show.empty()) return parsed;
  }
  // After an unknown option, an operand is probably its value.
  if (program.operands.empty() && !parsed.operands.empty() && parsed.errors.empty()) {
    reader.report(0, unexpected_argument(program, options, parsed.operands.front()));
  }
  parsed.sources.assign(options.size(), "default");
  reader.add_variables(environment);
  reader.add_file(directory);
  reader.store_values(store);
  parsed.errors = reader.errors();
  const bool is_test = std::find(parsed.asked.begin(), parsed.asked.end(), test_option) != parsed.asked.end();
  if (!parsed.errors.empty() && !is_test) throw first_error(program, options, parsed.errors);
  return parsed;
}

}  // namespace tcpserver::cli
