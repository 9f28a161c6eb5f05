#include "cli/command_line.hpp"

#include "tcpserver/base/values.hpp"

#include "cli/suggestion.hpp"

#include <getopt.h>

#include <algorithm>

namespace tcpserver::cli {

namespace {

using base::StartError;

constexpr int first_long_value = 256;  // above every letter: long option i returns first_long_value + i

[[noreturn]] void usage_error(const std::string& line) {
  throw StartError(base::ExitStatus::usage, line);
}

[[noreturn]] void unknown_option(const Program& program, const OptionTable& table, std::string_view flag) {
  std::vector<std::string> names;
  for (const auto& spec : table) names.push_back("--" + std::string(spec.name));
  std::string help = std::string(program.name) + " --help lists them all";
  if (!program.operands.empty()) help.append("; without a flag: ").append(program.operands);
  usage_error("unknown option " + base::in_quotes(flag) + suggestion(flag, names, "--") + " (" + help + ")");
}

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
      const char* const text = optarg == nullptr ? "on" : optarg;
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

  // getopt_long takes --back for --backlog.
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

}  // namespace

CommandLine read_command_line(const Program& program, const OptionTable& table, int argc, char* const* argv) {
  return FlagReader(program, table).read(argc, argv);
}

}  // namespace tcpserver::cli
