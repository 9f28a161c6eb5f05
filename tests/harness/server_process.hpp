#pragma once

#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/process.hpp"
#include "harness/temporary_directory.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace harness {

// Returns the port that a server announces at the start of its output; 0 if there is none.
[[nodiscard]] std::uint16_t announced_port(const std::string& output);

// Returns the port of the first "listening" event in a JSON log; 0 if there is none.
[[nodiscard]] std::uint16_t logged_port(const std::string& log);

// Returns a command: the wrapper, tcpserver, and the options. Omits tcpserver if the wrapper contains a path
// of it, such as that of a PublicCopy.
[[nodiscard]] std::vector<std::string> command_line(const std::vector<std::string>& wrapper,
                                                    const std::vector<std::string>& options);

// A running tcpserver on a free port.
class ServerProcess {
 public:
  using Result = ::testing::AssertionResult;

  // Starts `WRAPPER tcpserver --port 0 OPTIONS` and reads the announced port. Throws if there is none.
  explicit ServerProcess(const std::vector<std::string>& options = {}, const SpawnOptions& spawn = {},
                         const std::vector<std::string>& wrapper = {});

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

  // Sends SIGUSR1 and returns the report in one line: "0 of 1000 sessions open, 3 accepted; ...".
  std::string status();

  // True if the status line contains this, now or soon.
  Result status_shows(const std::string& part);

  // True if a line of the log contains this, now or soon.
  Result says(const std::string& part);

  // Writes `text` to its configuration file, sends SIGHUP, and waits until it logs `said`.
  Result reload(const TextFile& file, const std::string& text, const std::string& said);

  // Returns the log so far.
  const std::string& log() { return process_.errors(); }
  // Returns the last line of the log: "stopped: ...".
  [[nodiscard]] std::string last_line();
  // True if the log has only the lines of every start, stop and status.
  [[nodiscard]] Result logged_nothing_unusual();

  void signal(int number) const { process_.signal(number); }
  Ending wait() { return process_.wait(); }  // the log is complete afterwards
  Ending stop();                             // SIGTERM, then wait()

 private:
  Process process_;
  std::uint16_t port_ = 0;
};

// True if the program ended with this exit status, no output, and an error message that contains `said`.
[[nodiscard]] ::testing::AssertionResult fails(const Finished& result, Ending status,
                                               const std::string& said);

// Connects a client and waits for its first echo. Throws if there is none.
[[nodiscard]] ClientSocket open_session(const ServerProcess& server, const char* source = "127.0.0.1");
[[nodiscard]] std::vector<ClientSocket> open_sessions(const ServerProcess& server, std::size_t count);

// Sends bytes to an open session. True if they come back.
[[nodiscard]] ::testing::AssertionResult echoes(ClientSocket& client, const std::string& bytes = "y");

// True if a new client gets its echo.
[[nodiscard]] bool serves(const ServerProcess& server);

// Returns the child of a server with one session. Throws if it has none.
[[nodiscard]] pid_t find_child(const ServerProcess& server);

}  // namespace harness
