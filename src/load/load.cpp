#include "load/load.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/resolve.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"

#include "load/chart.hpp"
#include "load/driver.hpp"
#include "load/progress.hpp"
#include "load/report.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <string>

namespace tcpserver::load {

namespace {

using base::ExitStatus;
using base::StartError;

// Three standard streams, one for the wait, one for the terminal, and what was inherited.
constexpr rlim_t descriptors_beside = 16;

void need_descriptors(std::uint32_t connections) {
  base::raise_descriptor_limit();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
      limit.rlim_cur >= connections + descriptors_beside) {
    return;
  }
  throw StartError(ExitStatus::system, "--concurrency: " + std::to_string(connections) +
                                           " connections at a time do not fit into the " +
                                           std::to_string(limit.rlim_cur) +
                                           " descriptors that this process may have (ulimit -n)");
}

void say_that_it_holds(const Result& result, const LoadOptions& options) {
  const std::string line = "tcpload: holding " + std::to_string(result.held) + " connections for " +
                           base::duration_text(options.hold) + "\n";
  static_cast<void>(base::write_all(STDERR_FILENO, line));
}

Result run_driver(const LoadOptions& options) {
  need_descriptors(options.concurrency);
  Connector connector(base::resolve(options.host, options.port, base::Clock::now() + options.timeout),
                      options.sources);
  Transfer transfer(options.service.verb, options.size);
  const auto script = script_of(options);
  Progress progress(script);
  const auto tick = [&progress](const Result& result) {
    if (!result.opened_after) progress.show(result);
  };
  const auto holding = [&](const Result& result) {
    progress.remove();
    say_that_it_holds(result, options);
  };
  Driver driver(script, transfer, connector, options.reset, options.timeout,
                {.tick = tick, .holding = holding});
  return driver.run();
}

std::string report_of(const Result& result, const LoadOptions& options) {
  if (options.json) return report_json(result, options);
  auto text = base::joined(report_lines(result, options));
  if (const auto terminal = base::terminal_size()) {
    text += base::joined(chart(result.latencies, terminal->columns, base::colours_wanted()));
  }
  return text;
}

}  // namespace

ExitStatus run_load(const LoadOptions& options) {
  const auto result = run_driver(options);
  const std::string text = report_of(result, options);
  if (result.signal != 0) {
    // Whoever asks for an end gets one, even where nobody reads.
    static_cast<void>(base::FrameWriter().write_within(text, std::chrono::seconds(1)));
    ::raise(result.signal);
  }
  base::print(text);
  if (!result.first_error) return ExitStatus::ok;
  throw StartError(exit_status_of(result.first_error->kind), result.first_error->sentence);
}

}  // namespace tcpserver::load
