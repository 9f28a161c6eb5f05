#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/report/log.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace tcpserver::server {

// The line that `systemctl status` shows for a running service.
using ServiceStatus = base::BoundedText<448>;

// A service manager passes sockets, notifications and the watchdog to the process that it starts. Reports
// each variable that is invalid or names another process, such as a shell that started this server without
// exec.
void log_wrapper_process(Log& log);

// Notifies systemd of the server's state (sd_notify(3)) if NOTIFY_SOCKET is set. Never waits, allocates or
// fails: a message that cannot be sent now is sent again one second later.
class SystemdNotifier {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  SystemdNotifier() noexcept;

  [[nodiscard]] bool listens() const noexcept { return static_cast<bool>(socket_); }

  // The server accepts clients, after the start or after a reload.
  void notify_ready() noexcept { notify("READY=1"); }
  void notify_reloading() noexcept;
  void notify_stopping(base::Duration at_most) noexcept;

  // Call after each wait. Serves the watchdog. Returns true, at most once per second, if the caller should
  // call notify_status(). `events` is the number of events so far that affect the status.
  [[nodiscard]] bool wants_status(base::TimePoint now, std::uint64_t events) noexcept;
  void notify_status(const ServiceStatus& status) noexcept;

  // Returns the time at which the next wait has to end.
  [[nodiscard]] std::optional<base::TimePoint> due(std::uint64_t events) const noexcept;

 private:
  [[nodiscard]] bool send(std::string_view text) noexcept;
  void notify(const char* format, ...) noexcept __attribute__((format(printf, 2, 3)));

  base::UniqueFd socket_;
  std::optional<base::Duration> watchdog_interval_;
  base::TimePoint next_watchdog_{};
  base::TimePoint next_status_{};
  std::uint64_t sent_events_ = UINT64_MAX;  // the first status is due at once
  ServiceStatus status_;
  bool status_is_sent_ = true;
  base::BoundedText<96> state_;  // the last of ready, reloading, stopping
  bool state_is_sent_ = true;
};

}  // namespace tcpserver::server
