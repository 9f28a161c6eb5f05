#include "tcpserver/base/json.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/kernel/socket_facts.hpp"

#include "backlog/accept_time.hpp"
#include "backlog/sizing.hpp"

#include <sys/socket.h>

#include <optional>
#include <string>

namespace tcpserver::backlog {

namespace {

std::string measured_text(const AcceptTime& measured) {
  const double seconds = std::chrono::duration<double>(measured.each).count();
  return std::string("accept time     ") + (measured.at_most ? "at most " : "") + exact_time_text(seconds) +
         ", measured with " + std::to_string(measured.connections) + " connections to " +
         measured.listener.text() +
         (measured.in_bursts
              ? "\n                (roughly: this server lets clients wait and then takes many at a time)"
              : "") +
         "\n                (clients that say nothing; a server of one client at a time takes longer for "
         "others)\n";
}

void write_measured(base::JsonWriter& json, const AcceptTime& measured) {
  json.begin_object("measured");
  json.member("listener", measured.listener.text());
  json.member("connections", measured.connections);
  json.member("at_most", measured.at_most);
  json.member("in_bursts", measured.in_bursts);
  json.end_object();
}

}  // namespace

base::ExitStatus run_size(const SizeOptions& options) {
  auto accept_time = options.accept_time;
  std::optional<AcceptTime> measured;
  if (options.measure) {
    base::raise_descriptor_limit();  // the clients of a round are open at the same time
    measured = measure_accept_time(*options.measure);
    accept_time = measured->each;
    if (!options.json) base::print(measured_text(*measured));
  }
  const Load load{.rate = options.rate,
                  .burst = options.burst.value_or(options.rate),
                  .accept_time = std::chrono::duration<double>(accept_time).count(),
                  .burst_length = std::chrono::duration<double>(options.burst_length).count(),
                  .headroom = options.headroom};
  const auto sizing = size_backlog(load);
  const kernel::KernelLimits kernel{.somaxconn = kernel::somaxconn_sysctl(), .in_effect = std::nullopt};
  if (options.json) {
    std::string text;
    base::JsonWriter json(text);
    json.begin_object();
    if (measured) write_measured(json, *measured);
    write_sizing(json, load, sizing, kernel, SOMAXCONN);
    json.end_object();
    base::print(text + "\n");
    return base::ExitStatus::ok;
  }
  base::print(sizing_text(load, sizing, kernel, SOMAXCONN));
  if (measured && measured->at_most && !sizing.carried) {
    base::print(
        "                (The accept time is an upper bound: the server was faster than its short queue let "
        "be\n"
        "                seen. Measure it with a longer backlog.)\n");
  }
  return base::ExitStatus::ok;
}

}  // namespace tcpserver::backlog
