#include "tcpserver/base/json.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_table.hpp"

#include <algorithm>

namespace tcpserver::cli {

namespace {

constexpr std::size_t help_column = 28;

std::string flags(const OptionText& option) {
  std::string text = option.letter == '\0' ? "--" : std::string("-") + option.letter + ", --";
  text += option.name;
  if (!option.value_name.empty()) text.append(" ").append(option.value_name);
  return text;
}

std::string introduction(const Program& program, std::size_t width) {
  return "Usage: " + std::string(program.name) + " " + std::string(program.synopsis) + "\n" +
         base::wrap_lines(std::string(program.purpose) + "\n", width);
}

std::string explain_sources(const Program& program, const OptionTexts& options) {
  const auto example = std::find_if(options.begin(), options.end(), [](const OptionText& option) {
    return !option.default_text.empty() && !option.flag_only;
  });
  if (program.environment_prefix.empty() || example == options.end()) return {};
  const std::string value(example->default_text);
  return "\nEach option can also be set by an environment variable (" +
         variable_name(program, example->name) + "=" + value + ") or by a line of the --config file (" +
         std::string(example->name) + " = " + value +
         "). A flag overrides the variable, the variable overrides the file.\n";
}

std::string examples(const Program& program) {
  std::string text;
  if (!program.examples.empty()) text = "\nExamples:\n" + std::string(program.examples);
  return text;
}

}  // namespace

const char* version() noexcept {
  return TCPSERVER_VERSION;
}

std::string version_text(const Program& program) {
  std::string text = std::string(program.name) + " " + version();
  if constexpr (constexpr std::string_view commit = TCPSERVER_COMMIT; !commit.empty()) {
    text.append(" (commit ").append(commit).append(")");
  }
  if (!program.features.empty()) text.append("\nFeatures: ").append(program.features);
  return text + "\nLicense: MIT\n";
}

std::size_t help_width() {
  constexpr std::size_t width_elsewhere = 79;
  return base::prose_width().value_or(width_elsewhere);
}

std::string format_effective_value(std::string_view option, const std::string& value,
                                   const std::string& source, bool as_json) {
  if (!as_json) return std::string(option) + " = " + base::quote_unless_plain(value) + "  (" + source + ")\n";
  std::string line;
  base::JsonWriter json(line);
  json.begin_object();
  json.member("option", option);
  json.member("value", value);
  json.member("source", source);
  json.end_object();
  return line + "\n";
}

std::string help_text(const Program& program, const OptionTexts& options, std::size_t width) {
  std::string out = introduction(program, width);
  if (!options.front().name.empty()) out += "\n";
  const auto help_room = std::max(width, help_column + 20) - help_column;
  for (const auto& option : options) {
    if (option.name.empty()) {
      out.append("\n").append(option.help).append(":\n");
      continue;
    }
    std::string column = (option.letter == '\0' ? "      " : "  ") + flags(option);
    if (column.size() + 2 > help_column) {
      out += column + "\n";
      column.clear();
    }
    std::string help = option.help;
    if (!option.default_text.empty()) help += " (default " + std::string(option.default_text) + ")";
    for (const auto& line : base::wrap_words(help, help_room)) {
      column.resize(help_column, ' ');
      out += column + line + "\n";
      column.clear();
    }
  }
  std::string rest = explain_sources(program, options);
  if (!program.notes.empty()) rest.append("\n").append(program.notes);
  rest += examples(program);
  if (!program.manual.empty()) rest.append("\nSee man ").append(program.manual).append(".\n");
  return out + base::wrap_lines(rest, width);
}

std::string short_help(const Program& program, const OptionTexts& options, std::size_t width) {
  // A flag and its value stay on one line.
  constexpr char no_break = '\x01';
  std::string text;
  std::string separator;
  for (const auto& option : options) {
    if (option.name.empty()) {
      text.append(text.empty() ? "" : "\n").append(option.help).append(":");
      separator = " ";
    } else {
      std::string entry = flags(option);
      std::replace(entry.begin(), entry.end(), ' ', no_break);
      text.append(separator).append(entry);
      separator = "; ";
    }
  }
  text = base::wrap_lines(text + "\n", width, 2);
  std::replace(text.begin(), text.end(), no_break, ' ');
  return introduction(program, width) + "\n" + text + base::wrap_lines(examples(program), width) +
         "\nFor explanations: " + std::string(program.name) + " --help\n";
}

}  // namespace tcpserver::cli
