#include "tcpserver/cli/program.hpp"

#include "backlog/accept_time.hpp"
#include "backlog/options.hpp"
#include "backlog/probe.hpp"
#include "backlog/watch.hpp"

namespace {

using namespace tcpserver;
using namespace tcpserver::backlog;

// Which command does which job.
base::ExitStatus run(const ProbeOptions& options) {
  return run_probe(options);
}
base::ExitStatus run(const WatchOptions& options) {
  return run_watch(options);
}
base::ExitStatus run(const SizeOptions& options) {
  return run_size(options);
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_program("tcpbacklog", [&] {
    const auto command = parse_backlog_command(argc, argv);
    if (!command.text_to_show.empty()) return cli::show(command.text_to_show);
    cli::need_standard_output();
    return std::visit([](const auto& options) { return run(options); }, command.job);
  });
}
