#include "cli/config_file.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/base/values.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace tcpserver::cli {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";  // \r: some editors end lines with \r\n
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);  // char is unsigned on aarch64
  return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

[[noreturn]] void cannot_read(const std::string& path, const std::string& why) {
  throw base::StartError(base::ExitStatus::no_input,
                         "cannot read the configuration file " + base::quote(path) + ": " + why);
}

}  // namespace

std::vector<ConfigLine> parse_config(std::string_view text) {
  std::vector<ConfigLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = trimmed(base::take_until(text, '\n'));
    const auto equals = std::min(line.find('='), line.size());
    const auto name = trimmed(line.substr(0, equals));
    if (std::any_of(line.begin(), line.end(), is_control)) {
      lines.push_back({number, "", "the line has control characters"});
    } else if (line.empty() || line.front() == '#') {
      continue;
    } else if (name.empty() || equals == line.size()) {
      lines.push_back({number, "", "invalid line, expected: key = value"});
    } else {
      lines.push_back({number, std::string(name), std::string(trimmed(line.substr(equals + 1)))});
    }
  }
  return lines;
}

std::string read_config_file(const std::string& path) {
  // Without O_NONBLOCK, opening a FIFO waits for a writer.
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) cannot_read(path, base::error_text(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) cannot_read(path, base::error_text(errno));
  if (!S_ISREG(status.st_mode)) cannot_read(path, "it is not a regular file");

  const auto text = base::read_all(fd.get(), largest_config_file);
  if (text) return *text;
  if (errno != EFBIG) cannot_read(path, base::error_text(errno));
  cannot_read(path, "it has more than " + std::to_string(largest_config_file) + " bytes");
}

}  // namespace tcpserver::cli
