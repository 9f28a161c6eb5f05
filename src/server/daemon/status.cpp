#include "tcpserver/server/status.hpp"

#include "tcpserver/posix/io.hpp"
#include "tcpserver/posix/system_error.hpp"

#include <unistd.h>

namespace tcpserver::server {

std::string sessions_text(const options::ServerCommand& command) {
  for (const auto& warning : command.warnings) {
    static_cast<void>(posix::write_all(STDERR_FILENO, "tcpserver: " + warning + "\n"));
  }
  const auto& options = command.options;
  if (options.port == 0 && options.pid_file.empty()) {
    throw posix::StartError(posix::ExitStatus::usage,
                            "--status: --port 0 says not which server: give its --port or its --pid-file");
  }
  const auto servers = look_at_servers(options);
  return options.log_format == options::LogFormat::json ? session_tables_json(servers)
                                                        : session_tables(servers);
}

}  // namespace tcpserver::server
