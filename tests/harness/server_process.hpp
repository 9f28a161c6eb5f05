#pragma once

#include "harness/client_socket.hpp"
#include "harness/process.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace harness {

// The port that a server announces as the first thing of its output; 0: none.
[[nodiscard]] std::uint16_t announced_port(const std::string& output);

// A running tcpserver on a free port.
class ServerProcess {
 public:
  // Starts `tcpserver --port 0 OPTIONS...`, behind `wrapper...` where one is given, and reads the announced
  // port. A wrapper whose last word is the path of a tcpserver (a PublicCopy) names the program itself.
  // Throws where there is no announcement.
  explicit ServerProcess(const std::vector<std::string>& options = {}, const SpawnOptions& spawn = {},
                         const std::vector<std::string>& wrapper = {});

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

  // Asks by SIGUSR1, and returns the line: "0 of 1000 sessions open, 3 accepted, ...".
  std::string status();

  // Whether its status line contains this, now or soon.
  bool status_shows(const std::string& part);

  // Whether it logs a line with this, or has done so.
  bool says(const std::string& part) { return process_.says(part); }

  // Everything that it has logged so far.
  const std::string& log() { return process_.errors(); }

  // SIGTERM, then the ending. errors() of the process are complete afterwards.
  Ending stop();

  // The line that the server said as its last: "stopped: ...".
  [[nodiscard]] std::string last_line();

  // Whether it said nothing on standard error but the lines that every start and stop has.
  [[nodiscard]] bool said_nothing_unusual();

 private:
  Process process_;
  std::uint16_t port_ = 0;
};

// Connects a client, and waits until its session echoes. Throws if it does not.
[[nodiscard]] ClientSocket open_session(const ServerProcess& server, const char* source = "127.0.0.1");

// Whether a new client gets its echo.
[[nodiscard]] bool serves(const ServerProcess& server);

}  // namespace harness
