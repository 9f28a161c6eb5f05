#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/server/child/sessions.hpp"
#include "tcpserver/server/listen/listeners.hpp"
#include "tcpserver/server/listen/overflow_watch.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/counters.hpp"
#include "tcpserver/server/report/log.hpp"
#include "tcpserver/server/report/metrics.hpp"
#include "tcpserver/server/report/status_report.hpp"

#include "server/daemon/announcement.hpp"
#include "server/daemon/systemd.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tcpserver::server {

// The server's work between waits that serves no client: status reports, metrics, overflow watch, systemd.
class Housekeeping {
 public:
  // All references must outlive this object. Throws StartError if the directory of --metrics-file cannot be
  // opened.
  Housekeeping(const ServerOptions& options, const base::SignalWindow& window, const Counters& counters,
               const Listeners& listeners, const Sessions& sessions, Log& log);

  // Does what is due. Call after each wait.
  void after_wait() noexcept;

  // Returns the time of the next work; nullopt if none is planned.
  [[nodiscard]] std::optional<base::TimePoint> due() const noexcept;

  // Answers SIGUSR1: logs the status report and writes the metrics.
  void report_status() noexcept;

  // Writes the metrics for the first time. Throws StartError (cannot_create) on failure.
  void try_metrics();
  // Returns the open directory of --metrics-file.
  [[nodiscard]] std::optional<int> metrics_directory() const noexcept;

  // Writes the line on standard output that names the ports, now or as soon as it accepts it.
  void announce(const std::string& ports) { announcement_.write(ports); }
  // Instead of announce(), if the log names the ports.
  void omit_announcement() noexcept { announcement_.discard(); }

  void notify_ready() noexcept { systemd_.notify_ready(); }
  void begin_reload() noexcept { ++reloads_, systemd_.notify_reloading(); }
  void end_reload(bool failed) noexcept { reload_failed_ = failed, systemd_.notify_ready(); }

  // Reports dropped connection attempts. Call before a reload changes the limit that they exceeded.
  void report_overflows() noexcept { overflows_.report_now(keeps_clients_queued()); }

  // Call before the listeners are closed.
  void begin_stop() noexcept;
  // Writes the last metrics and logs the stop report.
  void finish() noexcept;

 private:
  [[nodiscard]] bool keeps_clients_queued() const noexcept;
  [[nodiscard]] ServiceStatus service_status() noexcept;
  [[nodiscard]] std::span<const ListenQueue> listen_queues() noexcept;
  [[nodiscard]] ServerMetrics metrics() noexcept;
  void write_metrics() noexcept;
  // The number of events so far that affect the status.
  [[nodiscard]] std::uint64_t events() const noexcept;

  const ServerOptions& options_;  // changed by a reload
  const base::SignalWindow& window_;
  const Counters& counters_;
  const Listeners& listeners_;
  const Sessions& sessions_;
  Log& log_;
  Announcement announcement_;
  OverflowWatch overflows_;
  std::optional<MetricsFile> metrics_file_;
  std::vector<ListenQueue> queues_;  // has capacity for all listeners, so filling it allocates nothing
  SystemdNotifier systemd_;
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  std::uint64_t reloads_ = 0;
  bool reload_failed_ = false;  // the last reload
  bool stopping_ = false;
};

}  // namespace tcpserver::server
