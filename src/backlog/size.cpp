#include "tcpserver/backlog/accept_time.hpp"
#include "tcpserver/backlog/screen.hpp"
#include "tcpserver/backlog/sizing.hpp"
#include "tcpserver/backlog/socket_facts.hpp"

#include <sys/socket.h>

#include <array>
#include <cstdio>

namespace tcpserver::backlog {

namespace {

std::string measured_text(const AcceptTime& measured) {
  std::array<char, 160> text{};
  const double microseconds = std::chrono::duration<double, std::micro>(measured.each).count();
  std::snprintf(text.data(), text.size(), "accept time     %s%.1f us, measured with %d connections to %s\n",
                measured.at_most ? "at most " : "", microseconds, measured.connections,
                measured.listener.text().c_str());
  return text.data();
}

}  // namespace

posix::ExitStatus run_size(const options::SizeOptions& options) {
  auto accept_time = options.accept_time;
  if (options.measure) {
    const auto measured = measure_accept_time(*options.measure);
    accept_time = measured.each;
    if (!options.json) print(measured_text(measured));
  }
  const Load load{.rate = options.rate,
                  .burst = options.burst.value_or(options.rate),
                  .accept_time = std::chrono::duration<double>(accept_time).count(),
                  .burst_length = std::chrono::duration<double>(options.burst_length).count(),
                  .headroom = options.headroom};
  const auto sizing = size_backlog(load);
  const KernelLimits kernel{.somaxconn = somaxconn_sysctl(), .in_effect = std::nullopt};
  print(options.json ? sizing_json(load, sizing, kernel, SOMAXCONN)
                     : sizing_text(load, sizing, kernel, SOMAXCONN));
  return posix::ExitStatus::ok;
}

}  // namespace tcpserver::backlog
