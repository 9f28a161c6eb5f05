#include "tcpserver/options/option_table.hpp"

#include <algorithm>

namespace tcpserver::options {

namespace {

constexpr std::size_t help_column = 28;
constexpr std::size_t help_width = 79;

std::string flag_column(const OptionSpec& spec) {
  std::string column = spec.letter == '\0' ? "      --" : std::string("  -") + spec.letter + ", --";
  column += spec.name;
  if (!spec.value_name.empty()) column.append(" ").append(spec.value_name);
  return column;
}

// Words of `text` from help_column on, broken before help_width.
void append_wrapped(std::string& line, std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const bool empty = line.size() <= help_column;
    if (!empty && line.size() + 1 + word.size() > help_width) {
      out += line + "\n";
      line.assign(help_column, ' ');
    } else if (!empty) {
      line += ' ';
    }
    line += word;
  }
}

}  // namespace

std::string version_text(std::string_view program) {
  return std::string(program) + " " TCPSERVER_VERSION "\n";
}

std::string help_text(const Program& program, const OptionTable& table) {
  std::string out = "Usage: " + std::string(program.name) + " " + std::string(program.synopsis) + "\n" +
                    std::string(program.purpose) + "\n\n";
  for (const auto& spec : table) {
    std::string line = flag_column(spec);
    if (line.size() + 2 > help_column) {
      out += line + "\n";
      line.clear();
    }
    line.resize(help_column, ' ');
    std::string help = spec.help;
    if (!spec.default_text.empty()) help += " (default " + spec.default_text + ")";
    append_wrapped(line, out, help);
    out += line + "\n";
  }
  if (!program.environment_prefix.empty()) {
    const auto& example = table.front();
    const std::string name(example.name);
    out +=
        "\nEvery option may also come from the environment, such as --" + name + " from " +
        variable_name(program, example) + ", and from a\nline of the --config file, such as: " + name +
        " = " + example.default_text +
        "\nA flag beats the variable, the variable the file, the file the default. Options without a value\n"
        "are on or off there.\n";
  }
  if (!program.notes.empty()) out.append("\n").append(program.notes);
  return out;
}

}  // namespace tcpserver::options
