#include "tcpserver/cli/program.hpp"

#include "load/load.hpp"

int main(int argc, char** argv) {
  using namespace tcpserver;
  return cli::run_program("tcpload", [&] {
    const auto command = load::parse_load_command(argc, argv);
    if (!command.text_to_show.empty()) return cli::show(command.text_to_show);
    cli::need_standard_output();
    return load::run_load(command.options);
  });
}
