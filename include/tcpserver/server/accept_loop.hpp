#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/server/counters.hpp"
#include "tcpserver/server/listener.hpp"
#include "tcpserver/server/log.hpp"
#include "tcpserver/server/sessions.hpp"
#include "tcpserver/server/signal_window.hpp"
#include "tcpserver/server/upkeep.hpp"

#include <poll.h>

#include <span>
#include <vector>

namespace tcpserver::server {

// Waits, admits, reaps, stops. The references must outlive it.
class AcceptLoop {
 public:
  AcceptLoop(std::vector<Listener> listeners, Sessions& sessions, SignalWindow& window, Counters& counters,
             Log& log, Upkeep& upkeep);

  // Returns when a stop was requested, or a listener became unusable: false then. The listeners are closed.
  [[nodiscard]] bool run() noexcept;

  // Closes the listeners: the port is free for a successor, clients in the queue are reset.
  void stop_listening() noexcept;

  // Empty after that.
  [[nodiscard]] std::span<const Listener> listeners() const noexcept { return listeners_; }

 private:
  void wait_for_work() noexcept;
  void admit_waiting_clients() noexcept;
  [[nodiscard]] bool admit_one(int listener) noexcept;
  [[nodiscard]] bool handle_accept_error(int error) noexcept;
  void pause() noexcept;
  void say_when_full() noexcept;

  std::vector<Listener> listeners_;
  std::vector<pollfd> polled_;  // one a listener, in the same order
  Sessions& sessions_;
  SignalWindow& window_;
  Counters& counters_;
  Log& log_;
  Upkeep& upkeep_;

  int accepts_since_signals_ = 0;   // accept calls since the window was last surely open
  int lost_in_a_row_ = 0;           // accepts that failed with "retry"
  std::size_t first_listener_ = 0;  // the one whose turn it is: a flooded listener must not starve the others
  posix::TimePoint paused_until_{};
  bool unusable_ = false;
  RateLimit accept_failures_{std::chrono::seconds(1)};
  RateLimit full_{std::chrono::minutes(1)};
};

}  // namespace tcpserver::server
