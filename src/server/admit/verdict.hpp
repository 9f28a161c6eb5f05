#pragma once

#include "tcpserver/server/child/host.hpp"
#include "tcpserver/server/child/sessions.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/counters.hpp"

#include <optional>

namespace tcpserver::server {

// A connection that accept returned.
struct Arrival {
  base::SocketAddress peer;
  Host host;
};

// What to do with an arrival: serve it, or refuse it for this reason.
struct Verdict {
  std::optional<Refusal> refusal;
};

// Decides with all rules that there are. May collect sessions that have just ended, so that a client is
// refused only for sessions that are open.
[[nodiscard]] Verdict decide(const Arrival& arrival, const ServerOptions& options,
                             Sessions& sessions) noexcept;

}  // namespace tcpserver::server
