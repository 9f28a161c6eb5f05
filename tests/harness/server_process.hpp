#pragma once

#include "harness/process.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace harness {

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

}  // namespace harness
