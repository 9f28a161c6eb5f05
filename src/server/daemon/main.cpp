#include "tcpserver/base/process.hpp"
#include "tcpserver/cli/program.hpp"

#include "server/daemon/run_server.hpp"
#include "server/daemon/status.hpp"

#include <unistd.h>

int main(int argc, char** argv) {
  using namespace tcpserver;
  using namespace tcpserver::server;
  return cli::run_program("tcpserver", [&] {
    const auto directory = base::working_directory();
    const auto read_command = [&] { return parse_server_command(argc, argv, environ, directory); };
    const auto command = read_command();
    if (!command.text_to_show.empty()) return cli::show(command.text_to_show);
    if (command.show_status) {
      cli::need_standard_output();
      return cli::show(server::format_status(command));
    }
    return server::run_server(command, read_command);
  });
}
