#include "tcpserver/options/option_table.hpp"

#include "tcpserver/options/values.hpp"

#include <getopt.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

namespace tcpserver::options {

namespace {

using posix::ExitStatus;
using posix::StartError;

constexpr int first_long_value = 256;  // above every letter: long option i returns first_long_value + i

[[noreturn]] void usage_error(const std::string& line) {
  throw StartError(ExitStatus::usage, line);
}

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

// "; did you mean X?" for the nearest of the names, or nothing where none is near: up to two letters differ,
// and not more than a third. All begin with the same `prefix`, which says nothing.
std::string suggestion(std::string_view wrong, const std::vector<std::string>& names,
                       std::string_view prefix) {
  const std::string* best = nullptr;
  std::size_t best_distance = 3;
  for (const auto& name : names) {
    const bool abbreviated = wrong.size() > prefix.size() && name.starts_with(wrong);
    const std::size_t far = abbreviated ? 0 : distance(wrong, name);
    if (far < best_distance && 3 * far <= name.size() - prefix.size()) {
      best = &name;
      best_distance = far;
    }
  }
  return best == nullptr ? "" : "; did you mean " + *best + "?";
}

[[noreturn]] void unknown_option(const Program& program, const OptionTable& table, std::string_view flag) {
  std::vector<std::string> names;
  for (const auto& spec : table) names.push_back("--" + std::string(spec.name));
  std::string help = std::string(program.name) + " --help lists them all";
  if (!program.operands.empty()) help.append("; ").append(program.operands).append(" stand without a flag");
  usage_error("unknown option " + in_quotes(flag) + suggestion(flag, names, "--") + " (" + help + ")");
}

// One option on the command line.
struct Flag {
  std::size_t spec;
  std::string_view text;
};

struct CommandLine {
  std::vector<Flag> flags;
  std::vector<std::string_view> operands;
};

class FlagReader {
 public:
  FlagReader(const Program& program, const OptionTable& table) : program_(program), table_(table) {
    letters_ = ":";  // a missing value is told apart from an unknown option
    for (std::size_t i = 0; i < table.size(); ++i) {
      const auto& spec = table[i];
      names_.emplace_back(spec.name);
      if (spec.letter == '\0') continue;
      letters_ += spec.letter;
      if (takes_value(spec)) letters_ += ':';
    }
    for (std::size_t i = 0; i < table.size(); ++i) {
      const int argument = takes_value(table[i]) ? required_argument : no_argument;
      long_options_.push_back({names_[i].c_str(), argument, nullptr, first_long_value + static_cast<int>(i)});
    }
    long_options_.push_back({nullptr, 0, nullptr, 0});
  }

  CommandLine read(int argc, char* const* argv) {
    CommandLine line;
    std::vector<char*> words(argv, argv + argc);  // getopt_long permutes: its own copy of the pointers
    words.push_back(nullptr);
    optind = 0;  // glibc and musl: begin afresh
    opterr = 0;  // our own messages
    for (;;) {
      const int found = getopt_long(argc, words.data(), letters_.c_str(), long_options_.data(), nullptr);
      if (found == -1) break;
      if (found == '?' || found == ':') refuse_flag(found, words[static_cast<std::size_t>(optind) - 1]);
      const std::size_t spec = index_of(found);
      const char* const text = optarg == nullptr ? "" : optarg;
      if (found >= first_long_value) refuse_abbreviation(spec, words, text);
      line.flags.push_back({spec, text});
    }
    line.operands.assign(words.begin() + optind, words.begin() + argc);
    return line;
  }

 private:
  static bool takes_value(const OptionSpec& spec) { return !spec.value_name.empty(); }

  std::size_t index_of(int found) const {
    if (found >= first_long_value) return static_cast<std::size_t>(found - first_long_value);
    const auto spec = std::find_if(table_.begin(), table_.end(),
                                   [found](const OptionSpec& one) { return one.letter == found; });
    return static_cast<std::size_t>(spec - table_.begin());
  }

  [[noreturn]] void refuse_flag(int found, std::string_view word) const {
    // optopt names the option where getopt_long knows it: its value is missing, or it got one too many.
    if (optopt == 0) unknown_option(program_, table_, word.substr(0, word.find('=')));
    const std::size_t spec = index_of(optopt);
    if (spec == table_.size()) unknown_option(program_, table_, std::string("-") + static_cast<char>(optopt));
    const std::string name = "--" + names_[spec];
    if (found == ':')
      usage_error(name + " needs a value: " + name + " " + std::string(table_[spec].value_name));
    usage_error(name + " takes no value");
  }

  // getopt_long takes --back for --backlog. A script that relies on it breaks when another option begins
  // alike.
  void refuse_abbreviation(std::size_t spec, const std::vector<char*>& words, const char* text) const {
    const auto last = static_cast<std::size_t>(optind) - 1;
    const bool value_is_own_word = words[last] == text;
    const std::string_view word = words[value_is_own_word ? last - 1 : last];
    const auto flag = word.substr(0, word.find('='));
    if (flag.substr(2) != names_[spec]) unknown_option(program_, table_, flag);
  }

  const Program& program_;
  const OptionTable& table_;
  std::string letters_;
  std::vector<std::string> names_;  // as C strings for getopt_long
  std::vector<option> long_options_;
};

// Variables with the program's prefix, by name.
std::map<std::string, std::string_view> variables(std::string_view prefix, char* const* environment) {
  std::map<std::string, std::string_view> found;
  if (prefix.empty()) return found;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos || !entry.starts_with(prefix)) continue;
    found.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return found;
}

void warn_of_unknown_variables(const Program& program, const OptionTable& table,
                               const std::map<std::string, std::string_view>& unknown, Parsed& parsed) {
  std::vector<std::string> names;
  for (const auto& spec : table) {
    if (!spec.value_name.empty()) names.push_back(variable_name(program, spec));
  }
  for (const auto& [name, value] : unknown) {
    parsed.warnings.push_back("warning: the variable " + in_quotes(name) + " is not one of " +
                              std::string(program.name) + "'s and has no effect" +
                              suggestion(name, names, program.environment_prefix));
  }
}

// The check of a variable that a flag beats.
void warn_if_refused(const OptionSpec& scratch, const Given& given, Parsed& parsed) {
  try {
    scratch.apply(given);
  } catch (const StartError& refusal) {
    parsed.warnings.push_back("warning: " + std::string(refusal.what()) + " (--" + std::string(scratch.name) +
                              " is in effect instead)");
  }
}

}  // namespace

std::string variable_name(const Program& program, const OptionSpec& spec) {
  std::string name(program.environment_prefix);
  for (const char c : spec.name) name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  return name;
}

void refuse(const Given& given, std::string_view allowed) {
  usage_error(given.label + ": " + in_quotes(given.text) + " is not " + std::string(allowed));
}

posix::Duration duration_of(const Given& given) {
  const auto value = parse_duration(given.text);
  if (!value) refuse(given, "a duration: 250ms, 2s, 5m or 1h, at most a year; a bare number is seconds");
  return *value;
}

Parsed parse_arguments(const Program& program, const OptionTable& table, const OptionTable& scratch, int argc,
                       char* const* argv, char* const* environment) {
  Parsed parsed;
  const auto line = FlagReader(program, table).read(argc, argv);
  for (const auto& flag : line.flags) {
    const auto& spec = table[flag.spec];
    if (spec.name == "help") parsed.text_to_show = help_text(program, table);
    if (spec.name == "version") parsed.text_to_show = version_text(program.name);
    if (!parsed.text_to_show.empty()) return parsed;
  }
  if (program.operands.empty() && !line.operands.empty()) {
    usage_error("unexpected argument " + in_quotes(line.operands.front()) + ": " + std::string(program.name) +
                " takes options only");
  }
  parsed.operands = line.operands;

  auto environment_left = variables(program.environment_prefix, environment);
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto& spec = table[i];
    if (!spec.apply) continue;
    bool by_flag = false;
    for (const auto& flag : line.flags) {
      if (flag.spec != i) continue;
      by_flag = true;
      spec.apply({flag.text, "--" + std::string(spec.name)});
    }
    if (spec.value_name.empty()) continue;
    const auto variable = environment_left.find(variable_name(program, spec));
    if (variable == environment_left.end()) continue;
    const Given given{variable->second, variable->first};
    if (by_flag) {
      warn_if_refused(scratch[i], given, parsed);
    } else {
      spec.apply(given);
    }
    environment_left.erase(variable);
  }
  warn_of_unknown_variables(program, table, environment_left, parsed);
  return parsed;
}

}  // namespace tcpserver::options
