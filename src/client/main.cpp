#include "tcpserver/client/client.hpp"
#include "tcpserver/posix/signals.hpp"
#include "tcpserver/programs/program.hpp"

int main(int argc, char** argv) {
  using namespace tcpserver;
  return programs::run_program("tcpclient", [&] {
    const auto command = options::parse_client_command(argc, argv);
    if (!command.text_to_show.empty()) return programs::show(command.text_to_show);
    programs::need_standard_output();
    // A filter: SIGPIPE ends it silently when the reader goes away.
    posix::set_disposition(SIGPIPE, SIG_DFL);
    return client::run_client(command.options);
  });
}
