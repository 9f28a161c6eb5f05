#include "cli/command_line.hpp"

#include "tcpserver/base/values.hpp"

#include "cli/suggestion.hpp"

#include <algorithm>
#include <optional>

namespace tcpserver::cli {

namespace {

class CommandLineReader {
 public:
  CommandLineReader(const Program& program, const OptionTexts& options, int argc, char* const* argv)
      : program_(program), options_(options), words_(argv + std::min(argc, 1), argv + argc) {}

  CommandLine read() {
    while (next_ < words_.size()) {
      const auto word = words_[next_++];
      if (word == "--") {
        line_.operands.insert(line_.operands.end(), words_.begin() + static_cast<std::ptrdiff_t>(next_),
                              words_.end());
        break;
      }
      if (word.starts_with("--")) {
        take_long(word);
      } else if (word.size() > 1 && word.front() == '-') {
        take_letters(word.substr(1));
      } else {
        line_.operands.push_back(word);
      }
    }
    return std::move(line_);
  }

 private:
  // --backlog 5 or --backlog=5
  void take_long(std::string_view word) {
    const auto equals = word.find('=');
    const auto flag = word.substr(0, equals);
    const auto spec = find(flag, [flag](const OptionText& one) { return one.name == flag.substr(2); });
    std::optional<std::string_view> text;
    if (equals != std::string_view::npos) text = word.substr(equals + 1);
    if (text && !takes_value(spec)) throw usage_error(std::string(flag) + " takes no value");
    take(spec, text);
  }

  // -b 5, -b5, or several switches: -dv
  void take_letters(std::string_view letters) {
    while (!letters.empty()) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      const auto spec = find({'-', letter}, [letter](const OptionText& one) { return one.letter == letter; });
      std::optional<std::string_view> text;
      if (takes_value(spec) && !letters.empty()) text = std::exchange(letters, {});
      take(spec, text);
    }
  }

  void take(std::size_t spec, std::optional<std::string_view> text) {
    if (!takes_value(spec)) text = "on";
    if (!text && next_ == words_.size()) {
      const std::string name = "--" + std::string(options_[spec].name);
      throw usage_error(name + " needs a value: " + name + " " + std::string(options_[spec].value_name));
    }
    line_.flags.push_back({spec, text ? *text : words_[next_++]});
  }

  [[nodiscard]] bool takes_value(std::size_t spec) const { return !options_[spec].value_name.empty(); }

  template <typename IsIt>
  [[nodiscard]] std::size_t find(const std::string& flag, IsIt is_it) const {
    const auto found = std::find_if(options_.begin(), options_.end(), is_it);
    if (found == options_.end()) throw unknown_option(flag);
    return static_cast<std::size_t>(found - options_.begin());
  }
  template <typename IsIt>
  [[nodiscard]] std::size_t find(std::string_view flag, IsIt is_it) const {
    return find(std::string(flag), is_it);
  }

  [[nodiscard]] base::StartError unknown_option(const std::string& flag) const {
    std::vector<std::string> names;
    for (const auto& option : options_) names.push_back("--" + std::string(option.name));
    std::string help = std::string(program_.name) + " --help lists them all";
    if (!program_.operands.empty()) help.append("; without a flag: ").append(program_.operands);
    return usage_error("unknown option " + base::in_quotes(flag) + suggestion(flag, names, "--") + " (" +
                       help + ")");
  }

  const Program& program_;
  const OptionTexts& options_;
  const std::vector<std::string_view> words_;
  std::size_t next_ = 0;  // the word to read next
  CommandLine line_;
};

}  // namespace

CommandLine read_command_line(const Program& program, const OptionTexts& options, int argc,
                              char* const* argv) {
  return CommandLineReader(program, options, argc, argv).read();
}

}  // namespace tcpserver::cli
