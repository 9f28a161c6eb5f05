#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/child/sessions.hpp"
#include "tcpserver/server/listen/listeners.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"

#include <poll.h>

#include <optional>
#include <vector>

namespace tcpserver::server {

// Waits for clients and admits them, in bounded batches.
class Acceptor {
 public:
  // All references must outlive this object.
  Acceptor(const ServerOptions& options, Listeners& listeners, Sessions& sessions, base::SignalWindow& window,
           Counters& counters, Log& log);

  // Waits in the signal window for a client, a signal, or until `due`. Ignores clients while they have to
  // stay queued.
  void wait(std::optional<base::TimePoint> due) noexcept;

  // Admits clients from the listeners that the last wait() found ready.
  void admit_waiting() noexcept;

  // Ends a pause after a shortage. Call after a session has freed its resources.
  void resume() noexcept { paused_until_ = {}; }

 private:
  void keep_spare_fd() noexcept;
  [[nodiscard]] bool keeps_clients_queued() const noexcept;
  [[nodiscard]] base::UniqueFd accept_one(int listener, base::SocketAddress& peer) noexcept;
  [[nodiscard]] bool admit_one(std::size_t index) noexcept;
  void log_host_refusal(const base::SocketAddress& peer) noexcept;
  [[nodiscard]] bool handle_accept_error(std::size_t index, int error) noexcept;
  [[nodiscard]] bool refuse_with_spare_fd(int listener, int error) noexcept;
  void back_off(int error) noexcept;
  void drop_listener(std::size_t index, int error) noexcept;
  void pause() noexcept;
  [[nodiscard]] std::optional<base::TimePoint> track_limit(base::TimePoint now) noexcept;
  void log_limit_reached() noexcept;
  void log_slots_free() noexcept;

  const ServerOptions& options_;  // a reload changes them
  Listeners& listeners_;
  Sessions& sessions_;
  base::SignalWindow& window_;
  Counters& counters_;
  Log& log_;
  std::vector<pollfd> polled_;  // one per listener, in the same order; fd -1 after a listener failed

  // Kept open with --overload refuse. If the file table of the process (EMFILE) or of the system (ENFILE) is
  // full, accept fails and the client stays queued without an answer. The server then closes this descriptor
  // for a moment, accepts the client, and resets it (ev(3), "The special problem of accept()ing when you
  // can't").
  base::UniqueFd spare_fd_;

  int accepts_since_signals_ = 0;  // accept calls since pending signals were last delivered
  int lost_in_a_row_ = 0;          // accept errors of the kind "retry"
  std::size_t first_listener_ =
      0;  // has priority next time, so that a flooded listener does not starve the others
  base::TimePoint paused_until_{};
  std::optional<base::TimePoint> limit_logged_at_;   // nullopt if "slots free again" was logged since
  std::optional<base::TimePoint> slots_free_since_;  // nullopt if full
  RateLimit accept_failures_{std::chrono::seconds(1)};
  RateLimit host_refusals_{std::chrono::minutes(1)};
  RateLimit short_of_memory_{std::chrono::minutes(1)};
};

}  // namespace tcpserver::server
