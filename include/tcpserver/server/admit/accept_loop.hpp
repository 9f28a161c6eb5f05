#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/server/child/context.hpp"
#include "tcpserver/server/child/sessions.hpp"
#include "tcpserver/server/listen/listener.hpp"

#include "server/admit/spare_fd.hpp"

#include <poll.h>

#include <span>
#include <vector>

namespace tcpserver::server {

// Waits, admits, reaps, stops. `sessions` must outlive it.
class AcceptLoop {
 public:
  AcceptLoop(std::vector<Listener> listeners, Sessions& sessions, const Context& context);

  // Returns when a stop was requested, or no listener is left that works: false then. All are closed.
  [[nodiscard]] bool run() noexcept;

  // Closes the listeners: the port is free for a successor, clients in the queue are reset.
  void stop_listening() noexcept;

  // Empty after that. One that was lost has no descriptor any more.
  [[nodiscard]] std::span<const Listener> listeners() const noexcept { return listeners_; }

 private:
  void keep_reserve() noexcept;
  void wait_for_work() noexcept;
  void admit_waiting_clients() noexcept;
  [[nodiscard]] bool leaves_clients_waiting() const noexcept;
  [[nodiscard]] base::UniqueFd accept_one(int listener, base::SocketAddress& peer) noexcept;
  [[nodiscard]] bool admit_one(pollfd& listener) noexcept;
  [[nodiscard]] bool handle_accept_error(pollfd& listener, int error) noexcept;
  [[nodiscard]] bool refuse_by_the_reserve(int listener, int error) noexcept;
  void rest_after(int error) noexcept;
  void give_up(pollfd& listener, int error) noexcept;
  void pause() noexcept;
  void say_when_full() noexcept;

  std::vector<Listener> listeners_;
  std::vector<pollfd> polled_;  // one a listener, in the same order; of one that was given up the fd is -1
  Sessions& sessions_;
  Context context_;
  Reserve reserve_;

  int accepts_since_signals_ = 0;   // accept calls since the window was last surely open
  int lost_in_a_row_ = 0;           // accepts that failed with "retry"
  std::size_t first_listener_ = 0;  // the one whose turn it is: a flooded listener must not starve the others
  base::TimePoint paused_until_{};
  std::size_t given_up_ = 0;  // listeners
  RateLimit accept_failures_{std::chrono::seconds(1)};
  RateLimit full_{std::chrono::minutes(1)};
  RateLimit short_of_memory_{std::chrono::minutes(1)};
};

}  // namespace tcpserver::server
