#include "server/daemon/status.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"

#include <unistd.h>

namespace tcpserver::server {

std::string sessions_text(const ServerCommand& command) {
  for (const auto& warning : command.warnings) {
    static_cast<void>(base::write_all(STDERR_FILENO, "tcpserver: " + warning + "\n"));
  }
  const auto& options = command.options;
  if (options.port == 0 && options.pid_file.empty()) {
    throw base::StartError(base::ExitStatus::usage,
                           "--status: --port 0 says not which server: give its --port or its --pid-file");
  }
  const auto servers = look_at_servers(options);
  return options.log_format == LogFormat::json ? session_tables_json(servers) : session_tables(servers);
}

}  // namespace tcpserver::server
