#pragma once

#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/counters.hpp"
#include "tcpserver/server/report/log.hpp"
#include "tcpserver/server/session/recorder.hpp"

#include "server/child/upkeep.hpp"

namespace tcpserver::server {

// What the accept loop and the sessions work with. All that it refers to outlives them.
struct Context {
  const ServerOptions& options;  // those in force now: a reload changes them
  base::SignalWindow& window;
  Counters& counters;
  Log& log;
  Upkeep& upkeep;
  Recorder* recorder;  // null: nothing is recorded
};

}  // namespace tcpserver::server
