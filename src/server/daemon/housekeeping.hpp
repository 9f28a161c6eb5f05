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

#include "server/daemon/systemd.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tcpserver::server {

// The server's work between waits that is not for clients: status lines, metrics, overflow watch, systemd.
class Housekeeping {
 public:
  // All must outlive this object. Throws StartError if the folder of --metrics-file cannot be opened.
  Housekeeping(const ServerOptions& options, const base::SignalWindow& window, const Counters& counters,
               const Listeners& listeners, const Sessions& sessions, Log& log);

  // Does what is due. Call after each wait.
  void after_wait() noexcept;

  // When after_wait() has something to do. nullopt if nothing is planned.
  [[nodiscard]] std::optional<base::TimePoint> due() const noexcept;

  // Answers SIGUSR1: logs the status, in several lines if there are many listeners, and writes the metrics.
  void report_status() noexcept;

  // Writes the metrics for the first time. Throws StartError (cannot_create) on failure.
  void try_metrics();
  // The open folder of --metrics-file.
  [[nodiscard]] std::optional<int> metrics_folder() const noexcept;

  void notify_ready() noexcept { systemd_.notify_ready(); }
  void begin_reload() noexcept { ++reloads_, systemd_.notify_reloading(); }
  void end_reload(bool failed) noexcept { reload_failed_ = failed, systemd_.notify_ready(); }

  // Call before the listeners are closed.
  void begin_stop() noexcept;
  // Writes the last metrics and logs the status.
  void finish() noexcept;

 private:
  [[nodiscard]] bool keeps_clients_queued() const noexcept;
  [[nodiscard]] StatusText status() noexcept;
  [[nodiscard]] ServiceStatus service_status() noexcept;
  [[nodiscard]] std::span<const ListenQueue> listen_queues() noexcept;
  [[nodiscard]] MetricsFigures figures() noexcept;
  void write_metrics() noexcept;
  // A number that grows with everything that changes the status.
  [[nodiscard]] std::uint64_t events() const noexcept;

  const ServerOptions& options_;  // a reload changes them
  const base::SignalWindow& window_;
  const Counters& counters_;
  const Listeners& listeners_;
  const Sessions& sessions_;
  Log& log_;
  OverflowWatch overflows_;
  std::optional<MetricsFile> metrics_;
  std::vector<ListenQueue> queues_;  // has room for all listeners: filling it allocates nothing
  SystemdNotifier systemd_;
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  std::uint64_t reloads_ = 0;
  bool reload_failed_ = false;  // the last one
  bool stopping_ = false;
};

}  // namespace tcpserver::server
