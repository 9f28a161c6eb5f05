#include "tcpserver/posix/process.hpp"
#include "tcpserver/programs/program.hpp"
#include "tcpserver/server/run_server.hpp"
#include "tcpserver/server/status.hpp"

#include <unistd.h>

int main(int argc, char** argv) {
  using namespace tcpserver;
  return programs::run_program("tcpserver", [&] {
    const auto directory = posix::working_directory();
    const auto read_command = [&] { return options::parse_server_command(argc, argv, environ, directory); };
    const auto command = read_command();
    if (!command.text_to_show.empty()) return programs::show(command.text_to_show);
    if (command.show_status) {
      programs::need_standard_output();
      return programs::show(server::sessions_text(command));
    }
    return server::run_server(command, read_command);
  });
}
