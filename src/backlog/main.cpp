#include "tcpserver/backlog/accept_time.hpp"
#include "tcpserver/backlog/probe.hpp"
#include "tcpserver/backlog/watch.hpp"
#include "tcpserver/options/backlog_options.hpp"
#include "tcpserver/programs/program.hpp"

namespace {

using namespace tcpserver;

// Which command does which job.
posix::ExitStatus run(const options::ProbeOptions& options) {
  return backlog::run_probe(options);
}
posix::ExitStatus run(const options::WatchOptions& options) {
  return backlog::run_watch(options);
}
posix::ExitStatus run(const options::SizeOptions& options) {
  return backlog::run_size(options);
}

}  // namespace

int main(int argc, char** argv) {
  return programs::run_program("tcpbacklog", [&] {
    const auto command = options::parse_backlog_command(argc, argv);
    if (!command.text_to_show.empty()) return programs::show(command.text_to_show);
    programs::need_standard_output();
    return std::visit([](const auto& options) { return run(options); }, command.job);
  });
}
