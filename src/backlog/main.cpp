#include "tcpserver/cli/program.hpp"

#include "backlog/probe.hpp"
#include "backlog/sizing.hpp"
#include "backlog/watch.hpp"

int main(int argc, char** argv) {
  using namespace tcpserver;
  return cli::run_program("tcpbacklog", [&] {
    const auto command = backlog::parse_backlog_command(argc, argv);
    if (!command.text_to_show.empty()) return cli::show(command.text_to_show);
    cli::need_standard_output();
    return std::visit([](const auto& options) { return backlog::run(options); }, command.job);
  });
}
