#pragma once

#include "harness/temporary_folder.hpp"

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace harness {

using Clock = std::chrono::steady_clock;

// So long may anything take before a test gives up on it. Generous: it only bounds what hangs.
inline constexpr auto patience = std::chrono::seconds(60);

// Polls until condition() holds. False when patience ran out.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition, Clock::duration limit = patience);

// How a program ended: its exit status, or minus the signal that ended it.
using Ending = int;

struct SpawnOptions {
  std::vector<std::string> environment{};  // "NAME=value", beside PATH and the sanitizers' own
  std::string input{};                     // what standard input holds; it ends after that
  int input_fd = -1;                       // instead: standard input is this descriptor
  int output_fd = -1;                      // standard output is this descriptor and is not captured
  int errors_fd = -1;                      // standard error is this descriptor and is not captured
  int terminal_fd = -1;  // standard input, output and error are this terminal, the controlling one
};

// A program started by a test, its standard output and error captured. Killed where it still runs at the end.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command, const SpawnOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;

  // Waits for the end, reading both outputs meanwhile. A program that hangs is killed: ending -SIGKILL.
  Ending wait();
  [[nodiscard]] bool running();

  // What was written until now, or until the end where wait() has been called.
  const std::string& output();
  const std::string& errors();

  // Reads until `stop(text)` holds for what was captured of standard output or error. False at its end or
  // when patience ran out.
  template <typename Stop>
  bool read_output_until(Stop stop) {
    return read_until(output_fd_, output_, stop);
  }
  template <typename Stop>
  bool read_errors_until(Stop stop) {
    return read_until(errors_fd_, errors_, stop);
  }
  // Reads standard error until it contains this. False at its end or when patience ran out.
  bool says(const std::string& part) {
    return read_errors_until([&](const std::string& text) { return text.find(part) != std::string::npos; });
  }

 private:
  template <typename Stop>
  bool read_until(int& fd, std::string& text, Stop stop) {
    const auto deadline = Clock::now() + patience;
    while (!stop(text)) {
      if (fd < 0 || Clock::now() >= deadline) return false;
      read_available(fd, text, 100);
    }
    return true;
  }
  static void read_available(int& fd, std::string& text, int milliseconds);

  pid_t pid_ = -1;
  int output_fd_ = -1;
  int errors_fd_ = -1;
  std::string output_;
  std::string errors_;
  std::optional<Ending> ending_;
};

// Runs to the end.
struct Finished {
  Ending ending;
  std::string output;
  std::string errors;
};
[[nodiscard]] Finished run(const std::vector<std::string>& command, const SpawnOptions& options = {});

// A copy of a program in a folder of its own that every user may reach, for tests that give up root: a
// checkout may lie in a home that other users cannot enter. Removed at the end.
class PublicCopy {
 public:
  explicit PublicCopy(const std::string& program);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const TemporaryFolder folder_;
  const std::string path_;
};

// Where a command is on the PATH; empty: nowhere.
[[nodiscard]] std::string find_command(const std::string& name);

void sleep_shortly();

template <typename Condition>
bool eventually(Condition condition, Clock::duration limit) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    sleep_shortly();
  }
  return true;
}

}  // namespace harness
