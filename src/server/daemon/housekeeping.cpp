#include "server/daemon/housekeeping.hpp"

#include "tcpserver/kernel/socket_facts.hpp"

#include <algorithm>
#include <numeric>

namespace tcpserver::server {

namespace {

// How much longer than the drain timeout systemd should wait: killing sessions takes time on a slow machine.
constexpr auto stop_margin = std::chrono::seconds(15);

}  // namespace

Housekeeping::Housekeeping(const ServerOptions& options, const base::SignalWindow& window,
                           const Counters& counters, const Listeners& listeners, const Sessions& sessions,
                           Log& log)
    : options_(options),
      window_(window),
      counters_(counters),
      listeners_(listeners),
      sessions_(sessions),
      log_(log),
      announcement_(options.daemonize, log),
      overflows_(options, listeners, log) {
  queues_.reserve(listeners.all().size());
  if (!options.metrics_file.empty()) metrics_file_.emplace(options.metrics_file, log);
}

void Housekeeping::after_wait() noexcept {
  const auto now = base::Clock::now();
  log_.after_wait(now);
  announcement_.after_wait(now);
  overflows_.after_wait(now, keeps_clients_queued());
  if (systemd_.wants_status(now, events())) systemd_.notify_status(service_status());
  if (metrics_file_ && now >= metrics_file_->due()) write_metrics();
}

std::optional<base::TimePoint> Housekeeping::due() const noexcept {
  auto due = base::earlier(base::earlier(systemd_.due(events()), log_.due()), announcement_.due());
  if (metrics_file_) due = base::earlier(due, metrics_file_->due());
  return base::earlier(due, overflows_.due(keeps_clients_queued()));
}

bool Housekeeping::keeps_clients_queued() const noexcept {
  return sessions_.full() && options_.overload == Overload::queue;
}

std::span<const ListenQueue> Housekeeping::listen_queues() noexcept {
  queues_.clear();
  for (const auto& listener : listeners_.all()) {
    const auto queue = kernel::accept_queue(listener.fd.get());
    if (queue) queues_.push_back({listener.address, *queue});
  }
  return queues_;
}

ServerMetrics Housekeeping::metrics() noexcept {
  const auto reaped = window_.reaped();
  return {.counters = counters_,
          .sessions = sessions_.count(true),
          .queues = listen_queues(),
          .dropped = overflows_.dropped(),
          .log_lines_dropped = log_.dropped(),
          .children_reaped = reaped.children,
          .sigchlds_handled = reaped.signals,
          .started_s = std::chrono::system_clock::to_time_t(started_)};
}

void Housekeeping::try_metrics() {
  if (metrics_file_) metrics_file_->write_first(metrics());
}

void Housekeeping::write_metrics() noexcept {
  if (metrics_file_) metrics_file_->write(metrics());
}

std::optional<int> Housekeeping::metrics_directory() const noexcept {
  return metrics_file_ ? std::optional(metrics_file_->directory()) : std::nullopt;
}

void Housekeeping::begin_stop() noexcept {
  stopping_ = true;
  overflows_.report_now(keeps_clients_queued());
  systemd_.notify_stopping(options_.drain_timeout + stop_margin);
}

void Housekeeping::finish() noexcept {
  write_metrics();
  log_report(log_, Severity::info, "stopped", metrics());
}

std::uint64_t Housekeeping::events() const noexcept {
  return std::accumulate(counters_.ended.begin(), counters_.ended.end(),
                         counters_.accepted + reloads_ + (stopping_ ? 1 : 0));
}

ServiceStatus Housekeeping::service_status() noexcept {
  ServiceStatus text;
  text.append("%s%s", stopping_ ? "stopping: " : "", summarize(counters_, sessions_.count(false)).c_str());
  const auto queues = listen_queues();
  const auto longest = std::max_element(
      queues.begin(), queues.end(),
      [](const auto& left, const auto& right) { return left.queue.length < right.queue.length; });
  if (longest != queues.end() && longest->queue.length > 0)
    text.append("; listen queue %u of %u", longest->queue.length, longest->queue.limit);
  if (const auto dropped = overflows_.dropped().value_or(0); dropped > 0)
    text.append("; %llu connection attempts dropped", base::wide(dropped));
  if (reload_failed_) text.append("; reload failed, see the log");
  return text;
}

void Housekeeping::report_status() noexcept {
  log_report(log_, Severity::notice, "status", metrics());
  write_metrics();
}

}  // namespace tcpserver::server
