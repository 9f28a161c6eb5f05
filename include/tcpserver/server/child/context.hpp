#pragma once

#include "tcpserver/options/server_options.hpp"
#include "tcpserver/server/counters.hpp"
#include "tcpserver/server/log.hpp"
#include "tcpserver/server/recorder.hpp"
#include "tcpserver/server/signal_window.hpp"
#include "tcpserver/server/upkeep.hpp"

namespace tcpserver::server {

// What the accept loop and the sessions work with. All that it refers to outlives them.
struct Context {
  const options::ServerOptions& options;  // those in force now: a reload changes them
  SignalWindow& window;
  Counters& counters;
  Log& log;
  Upkeep& upkeep;
  Recorder* recorder;  // null: nothing is recorded
};

}  // namespace tcpserver::server
