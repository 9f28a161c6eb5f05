#include "tcpserver/server/listen/overflow_watch.hpp"

#include "tcpserver/kernel/socket_facts.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace tcpserver::server {

namespace {

constexpr auto check_interval = std::chrono::seconds(1);
constexpr auto report_interval = std::chrono::minutes(1);

}  // namespace

Advice overflow_advice(const ServerOptions& options, const Listeners& listeners, bool full,
                       std::uint32_t limit) noexcept {
  const int backlog = listeners.backlog(options);
  const bool max = options.backlog && options.backlog->max;
  const auto kernel = kernel::somaxconn_sysctl();
  Advice text;
  if (options.mode == Mode::iterative) {
    text.append("use --mode fork to serve clients concurrently");
  } else if (full) {
    text.append("all %u slots were in use: raise --max-connections", options.max_connections);
  } else if (kernel && limit < *kernel && limit < static_cast<std::uint32_t>(backlog)) {
    text.append("net.core.somaxconn is now %llu: reload or restart the server to use it",
                base::wide(*kernel));
  } else if (!max && limit < static_cast<std::uint32_t>(backlog)) {
    text.append("the kernel reduced --backlog %d: raise net.core.somaxconn", backlog);
  } else if (max || (kernel && limit >= *kernel)) {
    text.append(
        "the queue has the length net.core.somaxconn: raise net.core.somaxconn%s, or add a second server",
        max ? "" : " and use --backlog max");
  } else if (limit >= SOMAXCONN) {
    text.append("the queue has the length SOMAXCONN: use --backlog max");
  } else {
    text.append("raise %s--backlog (tcpbacklog size computes a value)",
                listeners.backlog_is_inherited(options) ? "Backlog= in the socket unit, or " : "");
  }
  return text;
}

OverflowWatch::OverflowWatch(const ServerOptions& options, const Listeners& listeners, Log& log)
    : options_(options), listeners_(listeners), log_(log) {
  for (const auto& listener : listeners.all()) {
    counts_.push_back({.last = kernel::dropped_by_listener(listener.fd.get())});
    known_ = known_ || counts_.back().last.has_value();
  }
  if (const auto counters = kernel::listen_counters()) overflows_ = counters->overflows;
}

void OverflowWatch::count() noexcept {
  for (std::size_t i = 0; i < listeners_.all().size(); ++i) {
    auto& count = counts_[i];
    const auto now = kernel::dropped_by_listener(listeners_.all()[i].fd.get());
    count.more = now && count.last ? *now - *count.last : 0;
    count.last = now;
  }
  // Read this counter last, so that it includes the overflows of all drops above. It is unknown while no
  // descriptor is free.
  const auto counters = kernel::listen_counters();
  std::uint64_t overflows = counters && overflows_ ? counters->overflows - *overflows_ : UINT64_MAX;
  if (counters) overflows_ = counters->overflows;
  for (auto& count : counts_) {
    const auto more = std::min<std::uint64_t>(std::exchange(count.more, 0), overflows);
    overflows -= more;
    count.unreported += more;
    dropped_ += more;
  }
}

void OverflowWatch::after_wait(base::TimePoint now, bool full) noexcept {
  if (!known_) return;
  was_full_ = was_full_ || full;
  skipped_ = now < next_check_;
  if (skipped_) return;
  next_check_ = now + check_interval;
  count();
  if (now < next_report_ || !has_unreported()) return;
  next_report_ = now + report_interval;
  report();
}

void OverflowWatch::report_now(bool full) noexcept {
  if (!known_) return;
  was_full_ = was_full_ || full;
  count();
  report();
}

void OverflowWatch::report() noexcept {
  const bool full = std::exchange(was_full_, false);
  for (std::size_t i = 0; i < listeners_.all().size(); ++i) {
    const auto unreported = std::exchange(counts_[i].unreported, 0);
    if (unreported == 0) continue;
    const auto& listener = listeners_.all()[i];
    const auto queue = kernel::accept_queue(listener.fd.get());
    const auto limit = queue ? queue->limit : static_cast<std::uint32_t>(listeners_.backlog(options_));
    char text[base::SocketAddress::text_size];
    const char* const address = listener.address.format(text);
    log_.warning(
        {"queue_overflow", {{"listener", address}, {"limit", limit}, {"attempts_dropped", unreported}}},
        "listen queue of %s (%u) was full: %llu connection %s dropped (clients retry); %s", address, limit,
        static_cast<unsigned long long>(unreported), unreported == 1 ? "attempt" : "attempts",
        overflow_advice(options_, listeners_, full, limit).c_str());
  }
}

bool OverflowWatch::has_unreported() const noexcept {
  return std::any_of(counts_.begin(), counts_.end(), [](const Count& count) { return count.unreported > 0; });
}

std::optional<base::TimePoint> OverflowWatch::due(bool full) const noexcept {
  if (!known_ || listeners_.all().empty()) return std::nullopt;
  if (skipped_ || full) return next_check_;
  return has_unreported() ? std::optional(next_report_) : std::nullopt;
}

std::optional<std::uint64_t> OverflowWatch::dropped() noexcept {
  if (!known_) return std::nullopt;
  if (!listeners_.all().empty()) count();
  return dropped_;
}

}  // namespace tcpserver::server
