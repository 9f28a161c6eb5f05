#include "server/admit/verdict.hpp"

namespace tcpserver::server {

namespace {

std::optional<Refusal> find_refusal(const Arrival& arrival, const ServerOptions& options,
                                    const Sessions& sessions) noexcept {
  if (sessions.full()) return Refusal::full;
  if (options.max_per_host != 0 && sessions.count(arrival.host) >= options.max_per_host)
    return Refusal::host_full;
  return std::nullopt;
}

}  // namespace

Verdict decide(const Arrival& arrival, const ServerOptions& options, Sessions& sessions) noexcept {
  if (!find_refusal(arrival, options, sessions)) return {};
  sessions.reap_now();
  return {find_refusal(arrival, options, sessions)};
}

}  // namespace tcpserver::server
