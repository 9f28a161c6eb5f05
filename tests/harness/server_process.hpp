#pragma once

#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/process.hpp"
#include "harness/temporary_folder.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace harness {

// The port that a server announces at the start of its output; 0 if there is none.
[[nodiscard]] std::uint16_t announced_port(const std::string& output);

// A command line: the wrapper, the program (unless a word of the wrapper is the path of a tcpserver, such as
// a PublicCopy), and the options.
[[nodiscard]] std::vector<std::string> command_line(const std::vector<std::string>& wrapper,
                                                    const std::vector<std::string>& options);

// A running tcpserver on a free port.
class ServerProcess {
 public:
  using Result = ::testing::AssertionResult;

  // Starts `WRAPPER tcpserver --port 0 OPTIONS` and reads the announced port. Throws without announcement.
  explicit ServerProcess(const std::vector<std::string>& options = {}, const SpawnOptions& spawn = {},
                         const std::vector<std::string>& wrapper = {});

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

  // Sends SIGUSR1 and returns the status line: "0 of 1000 sessions open, 3 accepted, ...".
  std::string status();

  // Whether its status line contains this, now or soon.
  Result status_shows(const std::string& part);

  // Whether it logs a line with this, now or soon.
  Result says(const std::string& part);

  // Writes `text` to its configuration file, sends SIGHUP, and waits until it logs `said`.
  Result reload(const TextFile& file, const std::string& text, const std::string& said);

  // Everything that it has logged so far.
  const std::string& log() { return process_.errors(); }
  // The last line of the log: "stopped: ...".
  [[nodiscard]] std::string last_line();
  // Whether the log has only the lines of each start, stop and status.
  [[nodiscard]] Result said_nothing_unusual();

  void signal(int number) const { process_.signal(number); }
  Ending wait() { return process_.wait(); }  // the log is complete afterwards
  Ending stop();                             // SIGTERM, then wait()

 private:
  Process process_;
  std::uint16_t port_ = 0;
};

// Whether the program ended with this exit status, no output and an error message that contains `said`.
[[nodiscard]] ::testing::AssertionResult fails(const Finished& result, Ending status,
                                               const std::string& said);

// Connects a client, and waits until its session echoes. Throws if it does not.
[[nodiscard]] ClientSocket open_session(const ServerProcess& server, const char* source = "127.0.0.1");
[[nodiscard]] std::vector<ClientSocket> open_sessions(const ServerProcess& server, std::size_t count);

// Sends bytes to an open session. Whether they come back.
[[nodiscard]] ::testing::AssertionResult echoes(ClientSocket& client, const std::string& bytes = "y");

// Whether a new client gets its echo.
[[nodiscard]] bool serves(const ServerProcess& server);

// The child of a server with one session. Throws if it has none.
[[nodiscard]] pid_t child_of(const ServerProcess& server);

}  // namespace harness
