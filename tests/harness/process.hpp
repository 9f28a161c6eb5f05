#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include "harness/temporary_directory.hpp"

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace harness {

using Clock = std::chrono::steady_clock;

// A test gives up after this time. It is long, because it only ends tests that hang.
inline constexpr auto patience = std::chrono::seconds(60);

// Polls until condition() is true. Returns false after the limit.
[[nodiscard]] bool eventually(const std::function<bool()>& condition, Clock::duration limit = patience);

// The exit status of a program, or the negative number of the signal that ended it.
using Ending = int;

struct SpawnOptions {
  std::vector<std::string>
      environment{};             // "NAME=value", in addition to PATH and the variables of sanitizers
  std::string input{};           // the contents of standard input
  int input_fd = -1;             // replaces standard input and `input`
  int output_fd = -1;            // replaces standard output, which is not captured
  int errors_fd = -1;            // replaces standard error, which is not captured
  std::vector<int> inherited{};  // these become the descriptors 3, 4, ...
  int terminal_fd = -1;          // the controlling terminal and all three standard streams
};

// A program that a test starts. Captures its standard output and error. The destructor kills it.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command, const SpawnOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  // Waits for the end while reading both outputs. Kills a program that hangs; it returns -SIGKILL then.
  Ending wait();
  [[nodiscard]] bool running();

  // Return the output so far; after wait(), all of it.
  const std::string& output();
  const std::string& errors();

  // Read until `stop(text)` is true for the captured text. Return false at its end or after `patience`.
  using Stop = std::function<bool(const std::string& text)>;
  bool read_output_until(const Stop& stop) { return read_until(output_fd_, output_, stop); }
  bool read_errors_until(const Stop& stop) { return read_until(errors_fd_, errors_, stop); }
  // Reads standard output until it ends with a complete line.
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

// Runs a program until it ends.
[[nodiscard]] Finished run(const std::vector<std::string>& command, const SpawnOptions& options = {});

// A copy of a program in a temporary directory that all users may enter, for tests that drop root. Other
// users may be unable to enter the directory of the checkout.
class PublicCopy {
 public:
  explicit PublicCopy(const std::string& program = TCPSERVER_PROGRAM);
  [[nodiscard]] const std::string& path() const { return path_; }
  // Returns a command that runs the program as another user without supplementary groups. Needs root and
  // setpriv.
  [[nodiscard]] std::vector<std::string> as_user(const std::string& user = "65534",
                                                 const std::string& group = "65534") const;

 private:
  const TemporaryDirectory directory_;
  const std::string path_;
};

// Returns the path of a command, found by PATH; empty if there is none.
[[nodiscard]] std::string find_command(const std::string& name);

}  // namespace harness
