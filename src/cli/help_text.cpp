#include "tcpserver/base/terminal.hpp"
#include "tcpserver/cli/option_table.hpp"

namespace tcpserver::cli {

namespace {

constexpr std::size_t help_column = 28;
constexpr std::size_t help_width = 79;

std::string flag_column(const OptionText& option) {
  std::string column = option.letter == '\0' ? "      --" : std::string("  -") + option.letter + ", --";
  column += option.name;
  if (!option.value_name.empty()) column.append(" ").append(option.value_name);
  return column;
}

}  // namespace

const char* version() noexcept {
  return TCPSERVER_VERSION;
}

std::string version_text(std::string_view program) {
  return std::string(program) + " " + version() + "\n";
}

std::string help_text(const Program& program, const OptionTexts& options) {
  std::string out = "Usage: " + std::string(program.name) + " " + std::string(program.synopsis) + "\n" +
                    std::string(program.purpose) + "\n\n";
  for (const auto& option : options) {
    std::string column = flag_column(option);
    if (column.size() + 2 > help_column) {
      out += column + "\n";
      column.clear();
    }
    std::string help = option.help;
    if (!option.default_text.empty()) help += " (default " + std::string(option.default_text) + ")";
    for (const auto& line : base::wrapped(help, help_width - help_column)) {
      column.resize(help_column, ' ');
      out += column + line + "\n";
      column.clear();
    }
  }
  if (!program.environment_prefix.empty()) {
    const auto& example = options.front();
    const std::string name(example.name);
    out +=
        "\nEvery option may also come from the environment, such as --" + name + " from " +
        variable_name(program, example) + ", and from a\nline of the --config file, such as: " + name +
        " = " + std::string(example.default_text) +
        "\nA flag beats the variable, the variable the file, the file the default. Options without a value\n"
        "are on or off there.\n";
  }
  if (!program.notes.empty()) out.append("\n").append(program.notes);
  return out;
}

}  // namespace tcpserver::cli
