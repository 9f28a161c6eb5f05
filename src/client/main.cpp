#include "tcpserver/base/signals.hpp"
#include "tcpserver/cli/program.hpp"

#include "client/client.hpp"

int main(int argc, char** argv) {
  using namespace tcpserver;
  return cli::run_program("tcpclient", [&] {
    const auto command = client::parse_client_command(argc, argv);
    if (!command.text_to_show.empty()) return cli::show(command.text_to_show);
    cli::need_standard_output();
    // SIGPIPE ends a filter silently when its reader exits.
    base::set_disposition(SIGPIPE, SIG_DFL);
    return client::run_client(command.options);
  });
}
