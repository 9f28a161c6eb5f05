#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include "harness/temporary_folder.hpp"

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace harness {

using Clock = std::chrono::steady_clock;

// The time after which a test gives up. Generous, because it only bounds what hangs.
inline constexpr auto patience = std::chrono::seconds(60);

// Polls until condition() holds. False when patience ran out.
[[nodiscard]] bool eventually(const std::function<bool()>& condition, Clock::duration limit = patience);

// How a program ended: its exit status, or minus the signal that ended it.
using Ending = int;

struct SpawnOptions {
  std::vector<std::string> environment{};  // "NAME=value", beside PATH and the sanitizers' own
  std::string input{};                     // what standard input holds; it ends after that
  int input_fd = -1;                       // instead: standard input is this descriptor
  int output_fd = -1;                      // standard output is this descriptor and is not captured
  int errors_fd = -1;                      // standard error is this descriptor and is not captured
  std::vector<int> inherited{};            // these become the descriptors 3, 4, ...
  int terminal_fd = -1;  // standard input, output and error are this terminal, the controlling one
};

// A program started by a test. Its standard output and error are captured. The destructor kills it.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command, const SpawnOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  // Waits for the end, reading both outputs meanwhile. A program that hangs is killed: ending -SIGKILL.
  Ending wait();
  [[nodiscard]] bool running();

  // The output so far; all of it after wait().
  const std::string& output();
  const std::string& errors();

  // Reads until `stop(text)` holds for the captured text. False at its end or when patience ran out.
  using Stop = std::function<bool(const std::string& text)>;
  bool read_output_until(const Stop& stop) { return read_until(output_fd_, output_, stop); }
  bool read_errors_until(const Stop& stop) { return read_until(errors_fd_, errors_, stop); }
  // Reads standard output until a line is complete.
  bool reads_line() {
    return read_output_until([](const std::string& text) { return text.ends_with('\n'); });
  }
  // Reads standard error until it contains this.
  bool says(const std::string& part) {
    return read_errors_until([&](const std::string& text) { return text.find(part) != std::string::npos; });
  }

 private:
  static bool read_until(tcpserver::base::UniqueFd& fd, std::string& text, const Stop& stop);
  static void read_available(tcpserver::base::UniqueFd& fd, std::string& text, int milliseconds);

  pid_t pid_ = -1;
  tcpserver::base::UniqueFd output_fd_;
  tcpserver::base::UniqueFd errors_fd_;
  std::string output_;
  std::string errors_;
  std::optional<Ending> ending_;
};

struct Finished {
  Ending ending;
  std::string output;
  std::string errors;
};

// Runs a program to the end.
[[nodiscard]] Finished run(const std::vector<std::string>& command, const SpawnOptions& options = {});

// A copy of a program in a temporary folder that every user may enter, for tests that give up root. A
// checkout may lie in a home that other users cannot enter.
class PublicCopy {
 public:
  explicit PublicCopy(const std::string& program = TCPSERVER_PROGRAM);
  [[nodiscard]] const std::string& path() const { return path_; }
  // A command line that runs it as another user without further groups. Needs root and setpriv.
  [[nodiscard]] std::vector<std::string> as_user(const std::string& user = "65534",
                                                 const std::string& group = "65534") const;

 private:
  const TemporaryFolder folder_;
  const std::string path_;
};

// The path of a command on the PATH; empty if there is none.
[[nodiscard]] std::string find_command(const std::string& name);

}  // namespace harness
