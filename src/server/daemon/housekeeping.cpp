#include "server/daemon/housekeeping.hpp"

#include "tcpserver/kernel/socket_facts.hpp"

#include <algorithm>
#include <numeric>

namespace tcpserver::server {

namespace {

using base::wide;

// systemd should wait so much longer than the drain timeout, for sessions that are killed and slow machines.
constexpr auto beyond_the_drain = std::chrono::seconds(15);

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
      overflows_(options, listeners, log) {
  queues_.reserve(listeners.all().size());
  if (!options.metrics_file.empty()) metrics_.emplace(options.metrics_file, log);
}

void Housekeeping::after_wait() noexcept {
  const auto now = base::Clock::now();
  log_.after_wait(now);
  overflows_.after_wait(now, keeps_clients_queued());
  if (systemd_.wants_status(now, events())) systemd_.notify_status(service_status());
  if (metrics_ && now >= metrics_->due()) write_metrics();
}

std::optional<base::TimePoint> Housekeeping::due() const noexcept {
  auto due = base::earlier(systemd_.due(events()), log_.due());
  if (metrics_) due = base::earlier(due, metrics_->due());
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

MetricsFigures Housekeeping::figures() noexcept {
  return {.counters = counters_,
          .sessions = sessions_.count(true),
          .queues = listen_queues(),
          .dropped = overflows_.dropped(),
          .log_lines_dropped = log_.dropped(),
          .started_s = std::chrono::system_clock::to_time_t(started_)};
}

void Housekeeping::try_metrics() {
  if (metrics_) metrics_->write_first(figures());
}

void Housekeeping::write_metrics() noexcept {
  if (metrics_) metrics_->write(figures());
}

std::optional<int> Housekeeping::metrics_folder() const noexcept {
  return metrics_ ? std::optional(metrics_->folder()) : std::nullopt;
}

void Housekeeping::begin_stop() noexcept {
  stopping_ = true;
  overflows_.before_closing(keeps_clients_queued());
  systemd_.notify_stopping(options_.drain_timeout + beyond_the_drain);
}

void Housekeeping::finish() noexcept {
  write_metrics();
  log_.info("stopped: %s", status().c_str());
}

std::uint64_t Housekeeping::events() const noexcept {
  return std::accumulate(counters_.ended.begin(), counters_.ended.end(),
                         counters_.accepted + reloads_ + (stopping_ ? 1 : 0));
}

ServiceStatus Housekeeping::service_status() noexcept {
  const auto sessions = sessions_.count(false);
  ServiceStatus text;
  text.append("%s%u of %u %s, %llu accepted, %llu refused", stopping_ ? "stopping: " : "", sessions.open,
              sessions.most, sessions.reaped ? "sessions open" : "places taken, by zombies too",
              wide(counters_.accepted), wide(counters_.all_refused()));
  const auto queues = listen_queues();
  const auto longest = std::max_element(
      queues.begin(), queues.end(),
      [](const auto& left, const auto& right) { return left.queue.length < right.queue.length; });
  if (longest != queues.end()) text.append("; queue %u of %u", longest->queue.length, longest->queue.limit);
  if (const auto dropped = overflows_.dropped()) text.append(", %llu drops", wide(*dropped));
  if (reload_failed_) text.append("; the configuration has an error, see the log");
  return text;
}

StatusText Housekeeping::status() noexcept {
  auto text = status_text(counters_, sessions_.count(true));
  if (options_.mode == Mode::fork && options_.reap != Reap::none) {
    const auto reaped = window_.reaped();
    text.append("; children reaped: %llu, SIGCHLDs handled: %llu", wide(reaped.children),
                wide(reaped.signals));
  }
  if (const auto dropped = overflows_.dropped()) {
    text.append("; %llu drops at full queues", wide(*dropped));
  }
  return text;
}

void Housekeeping::report_status() noexcept {
  auto text = status();
  for (const auto& [listener, queue] : listen_queues()) {
    char address[base::SocketAddress::text_size];
    base::BoundedText<128> piece;
    piece.append("queue %u of %u on %s", queue.length, queue.limit, listener.format(address));
    if (text.room() < piece.size() + 2) {
      log_.answer("%s", text.c_str());
      text = {};
    }
    text.append("%s%s", text.size() == 0 ? "" : "; ", piece.c_str());
  }
  log_.answer("%s", text.c_str());
  write_metrics();
}

}  // namespace tcpserver::server
