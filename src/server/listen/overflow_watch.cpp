#include "tcpserver/server/listen/overflow_watch.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace tcpserver::server {

namespace {

constexpr auto between_looks = std::chrono::seconds(1);
constexpr auto between_reports = std::chrono::minutes(1);

}  // namespace

Advice overflow_advice(const OverflowScene& scene) noexcept {
  Advice text;
  if (scene.mode == Mode::iterative) {
    text.append("one client is served at a time; --mode fork takes them as they come");
  } else if (scene.full) {
    text.append("with all %u places taken nobody is accepted: raise --max-connections",
                scene.max_connections);
  } else if (scene.in_effect < static_cast<std::uint32_t>(scene.backlog)) {
    text.append("the kernel cut --backlog %d to that: raise net.core.somaxconn", scene.backlog);
  } else if (scene.backlog < scene.largest && scene.of_service_manager) {
    text.append("raise Backlog= in the socket unit, or --backlog (tcpbacklog size says how far)");
  } else if (scene.backlog < scene.largest) {
    text.append("raise --backlog (tcpbacklog size says how far)");
  } else {
    text.append("that is SOMAXCONN, the longest there is: a second server has to take the rest");
  }
  return text;
}

OverflowWatch::OverflowWatch(std::span<const Listener> listeners) {
  for (const auto& listener : listeners) {
    counts_.push_back({.last = kernel::dropped_by_listener(listener.fd.get())});
    told_ = told_ || counts_.back().last.has_value();
  }
  if (const auto counters = kernel::listen_counters()) overflows_ = counters->overflows;
}

void OverflowWatch::count(std::span<const Listener> listeners) noexcept {
  for (std::size_t i = 0; i < listeners.size() && i < counts_.size(); ++i) {
    auto& count = counts_[i];
    const auto now = kernel::dropped_by_listener(listeners[i].fd.get());
    count.more = now && count.last ? *now - *count.last : 0;
    count.last = now;
  }
  // Read last, so that it contains the overflows of all drops above. Unknown while descriptors are short.
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

void OverflowWatch::after_wait(base::TimePoint now, std::span<const Listener> listeners, OverflowScene scene,
                               Log& log) noexcept {
  if (!told_) return;
  was_full_ = was_full_ || scene.full;
  skipped_ = now < next_look_;
  if (skipped_) return;
  next_look_ = now + between_looks;
  count(listeners);
  if (now < next_report_ || !has_unreported()) return;
  next_report_ = now + between_reports;
  report(listeners, scene, log);
}

void OverflowWatch::before_closing(std::span<const Listener> listeners, OverflowScene scene,
                                   Log& log) noexcept {
  if (!told_) return;
  was_full_ = was_full_ || scene.full;
  count(listeners);
  report(listeners, scene, log);
}

void OverflowWatch::report(std::span<const Listener> listeners, OverflowScene scene, Log& log) noexcept {
  scene.full = std::exchange(was_full_, false);
  for (std::size_t i = 0; i < listeners.size() && i < counts_.size(); ++i) {
    auto& unreported = counts_[i].unreported;
    if (unreported == 0) continue;
    const auto queue = kernel::accept_queue(listeners[i].fd.get());
    scene.in_effect = queue ? queue->limit : static_cast<std::uint32_t>(scene.backlog);
    char address[base::SocketAddress::text_size];
    log.warning(
        "the listen queue of %s overflowed: %llu %s of SYNs and last ACKs, whose clients try again later; "
        "its limit is %u: %s",
        listeners[i].address.format(address), static_cast<unsigned long long>(unreported),
        unreported == 1 ? "drop" : "drops", scene.in_effect, overflow_advice(scene).c_str());
    unreported = 0;
  }
}

bool OverflowWatch::has_unreported() const noexcept {
  return std::any_of(counts_.begin(), counts_.end(), [](const Count& count) { return count.unreported > 0; });
}

std::optional<base::TimePoint> OverflowWatch::due(bool unattended) const noexcept {
  if (!told_) return std::nullopt;
  if (skipped_ || unattended) return next_look_;
  if (has_unreported()) return next_report_;
  return std::nullopt;
}

std::optional<std::uint64_t> OverflowWatch::dropped(std::span<const Listener> listeners) noexcept {
  if (!told_) return std::nullopt;
  if (!listeners.empty()) count(listeners);
  return dropped_;
}

}  // namespace tcpserver::server
