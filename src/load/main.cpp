#include "tcpserver/load/load.hpp"
#include "tcpserver/programs/program.hpp"

int main(int argc, char** argv) {
  using namespace tcpserver;
  return programs::run_program("tcpload", [&] {
    const auto command = options::parse_load_command(argc, argv);
    if (!command.text_to_show.empty()) return programs::show(command.text_to_show);
    programs::need_standard_output();
    return load::run_load(command.options);
  });
}
