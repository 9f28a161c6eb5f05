// Input: arguments, variables and configuration file of tcpserver, one per line, separated by a byte 0x1e.
#include "tcpserver/base/characters.hpp"
#include "tcpserver/server/options.hpp"

#include "fuzz/fuzz.hpp"
#include "harness/arguments.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace {

using namespace tcpserver;

// A file without a name. The path refers to its descriptor.
class ConfigFile {
 public:
  explicit ConfigFile(std::string_view text) : fd_(::memfd_create("fuzz", 0)) {
    fuzz::require(fd_ >= 0 && ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
                  "cannot create the configuration file");
  }
  ~ConfigFile() { ::close(fd_); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

void check(const server::ServerOptions& options) {
  using namespace std::chrono_literals;
  fuzz::require(options.max_connections >= 1 && options.max_connections <= server::most_connections,
                "max-connections is in its range");
  fuzz::require(options.max_per_host <= server::most_connections, "max-per-host is in its range");
  fuzz::require(!options.backlog || options.backlog->value >= 1, "backlog is 1 or more");
  fuzz::require(options.bind.size() <= server::most_addresses, "the number of addresses is in its range");
  for (const auto* path : {&options.config, &options.pid_file, &options.metrics_file, &options.record}) {
    fuzz::require(base::find_invisible_character(*path).empty(), "a path has no invisible character");
  }
  fuzz::require(options.idle_timeout >= 0s && options.idle_timeout <= 366 * 24h,
                "idle-timeout is in its range");
  fuzz::require(options.drain_timeout >= 0s && options.drain_timeout <= 366 * 24h,
                "drain-timeout is in its range");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr char between_parts = '\x1e';
  auto rest = fuzz::to_text(data, size);
  auto words = fuzz::split_words(base::take_until(rest, between_parts));
  auto variables = fuzz::split_words(base::take_until(rest, between_parts));
  const ConfigFile file(rest);
  words.insert(words.begin(), "tcpserver");
  if (!rest.empty()) words.insert(words.begin() + 1, {"--config", file.path()});
  const harness::Arguments arguments(std::move(words), std::move(variables));
  try {
    server::ServerCommand command;
    server::parse_server_command(command, arguments.count(), arguments.argv(), arguments.environment());
    if (command.text_to_show.empty()) check(command.options);
    for (const auto& detail : command.details)
      fuzz::require(fuzz::is_one_plain_line(detail), "a detail is one line");
    for (const auto& warning : command.warnings)
      fuzz::require(fuzz::is_one_plain_line(warning), "a warning is one line");
  } catch (const base::StartError& error) {
    fuzz::require(fuzz::is_one_plain_line(error.what()), "an error is one line");
    const auto status = error.status();
    fuzz::require(status == base::ExitStatus::usage || status == base::ExitStatus::no_input ||
                      status == base::ExitStatus::config,
                  "the status is 64, 66 or 78");
  }
  return 0;
}
