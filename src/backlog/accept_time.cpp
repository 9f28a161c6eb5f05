#include "backlog/accept_time.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/kernel/port_observer.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>
#include <vector>

namespace tcpserver::backlog {

namespace {

using base::Clock;
using base::Duration;
using base::ExitStatus;
using base::StartError;
using base::TimePoint;
using kernel::ObservedListener;

constexpr int most_rounds = 9;
constexpr std::uint32_t connections_per_round = 200;
constexpr auto between_rounds = std::chrono::milliseconds(50);
// A few accepts show the time of a slow server: no new client after this, and no new round after that.
constexpr auto longest_topping_up = std::chrono::milliseconds(300);
constexpr auto enough_time = std::chrono::seconds(3);
// A slow server empties a short queue quickly, but a short queue shows nothing about a fast server, or one
// that accepts all waiting clients at a time. So the queue grows by this factor, while rounds stay short
// enough.
constexpr std::uint32_t first_length = 2;
constexpr std::uint32_t growth = 4;
constexpr auto long_round = std::chrono::seconds(1);
constexpr auto long_round_of_bursts = std::chrono::seconds(5);
constexpr auto fast = std::chrono::milliseconds(1);
constexpr auto longest_wait = std::chrono::seconds(10);
constexpr auto longest_round = std::chrono::seconds(60);  // four accepts at nearly the longest wait

// The result of one round.
struct Round {
  TimePoint began = Clock::now();
  TimePoint last_change = began;
  TimePoint first_accept = began;
  std::int64_t accepted_at_first = 0;  // 0 until the first accept
  std::int64_t accepted = 0;           // below 0 while other clients wait, too
  Duration longest_pause{};            // without an accept
  Duration starved{};                  // time with an empty queue: the server may have waited for a client
  Duration whole{};                    // set by finish(), as are the next two
  Duration each{};
  bool at_most = false;

  void note(std::int64_t count, TimePoint before_look, TimePoint now) {
    if (count == accepted) return;
    longest_pause = std::max<Duration>(longest_pause, now - last_change);
    last_change = now;
    accepted = count;
    if (accepted_at_first > 0 || accepted <= 0) return;
    first_accept = before_look;  // a delay between clock and look must not shorten the time
    accepted_at_first = accepted;
  }

  // An idle server takes its first client at once, so the time counts from there. If the server accepts only
  // from time to time, it counts from the beginning.
  void finish(TimePoint end) {
    whole = end - began;
    each = whole / std::max<std::int64_t>(accepted, 1);
    if (is_bursty()) return;
    const auto count = accepted - accepted_at_first;
    const Duration time = end - first_accept;
    at_most = count <= 0 || starved > time / 4;
    if (!at_most) each = time / count;
  }

  // The number of accepts in the time of the longest pause: about one if the server accepts one by one.
  [[nodiscard]] double burst() const {
    return static_cast<double>(longest_pause.count()) /
           static_cast<double>(std::max<std::int64_t>(each.count(), 1));
  }
  [[nodiscard]] bool is_bursty() const {
    constexpr double surely = 4;
    constexpr auto no_hiccup = std::chrono::milliseconds(20);
    return burst() > surely && longest_pause > no_hiccup && longest_pause > whole / 4;
  }
};

// Sleeps a fiftieth of the time since something happened, so that polling does not slow a slow server.
void nap(Duration since_change) {
  constexpr Duration shortest = std::chrono::microseconds(50);
  constexpr Duration longest = std::chrono::milliseconds(5);
  const auto length = std::min(since_change / 50, longest);
  if (length >= shortest) std::this_thread::sleep_for(length);
}

class Measurement {
 public:
  explicit Measurement(std::uint16_t port) : port_(port), observer_(port) { listener_ = look(); }

  // As many clients as may wait at once without an overflow.
  [[nodiscard]] std::uint32_t room() const {
    return std::clamp<std::uint32_t>(listener_->limit.value_or(0), 1, connections_per_round);
  }
  [[nodiscard]] const base::SocketAddress& address() const { return listener_->local; }

  // Sees one connection accepted, before many wait for it.
  void try_one() {
    wait_for_empty_queue("the server accepts nobody now, or more clients come than it can take");
    const auto client = connect_and_end();
    wait_for_empty_queue(
        "the server accepts nobody now; the one connection that tried it stays there until it does");
  }

  // Keeps up to `length` clients waiting in the queue.
  Round run(std::uint32_t length) {
    std::vector<base::UniqueFd> clients;
    clients.reserve(connections_per_round);
    Round round;
    auto last_look = round.began;
    for (;;) {
      const auto before_look = Clock::now();
      const auto waiting = look().length;
      const auto now = Clock::now();
      const auto made = static_cast<std::int64_t>(clients.size());
      round.note(made - waiting, before_look, now);

      const bool early = now - round.began < longest_topping_up || made < 2 * std::int64_t{length};
      const bool topping_up = early && made < connections_per_round;
      if (waiting == 0 && !topping_up) {
        round.finish(now);
        return round;
      }
      if (now - round.last_change >= longest_wait) {
        throw StartError(ExitStatus::temp_fail,
                         "the server on " + address().text() +
                             " has stopped accepting in the middle of the measurement, and up to " +
                             std::to_string(waiting) + " connections of it wait there");
      }
      if (now - round.began >= longest_round) {
        throw StartError(ExitStatus::temp_fail,
                         "the queue of " + address().text() +
                             " never empties: too many other clients come to measure it now");
      }
      if (topping_up && waiting < length) {
        const auto wanted = std::min<std::int64_t>(made + length - waiting, connections_per_round);
        while (static_cast<std::int64_t>(clients.size()) < wanted && Clock::now() - now < longest_wait) {
          clients.push_back(connect_and_end());
        }
        if (waiting == 0 && round.accepted_at_first > 0) round.starved += Clock::now() - last_look;
      } else {
        nap(now - round.last_change);
      }
      last_look = Clock::now();
    }
  }

 private:
  // All listeners of one address as one: with SO_REUSEPORT the kernel spreads the clients over them. The
  // limit is that of the shortest queue, to which all may come.
  ObservedListener look() {
    auto found = listener_;
    if (found) found->length = 0;
    const auto picture = observer_.look(kernel::TcpSockets::Kind::listeners);
    bool listens = false;
    for (const auto& listener : picture.listeners) {
      if (!found) found = ObservedListener{.local = listener.local, .limit = listener.limit};
      if (!(listener.local == found->local)) continue;
      if (!listener.limit) {
        throw StartError(ExitStatus::unavailable,
                         "cannot measure: this system does not tell how long the queue of port " +
                             std::to_string(port_) + " is");
      }
      listens = true;
      found->length += listener.length;
      found->limit = std::min(found->limit, listener.limit);
    }
    if (!listens) {
      throw StartError(ExitStatus::unavailable,
                       "nobody listens on port " + std::to_string(port_) + " of this machine");
    }
    return *found;
  }

  base::UniqueFd connect_and_end() const {
    auto address = listener_->local;
    if (address.is_wildcard()) {
      address = *base::SocketAddress::parse(address.family() == AF_INET6 ? "::1" : "127.0.0.1", port_);
    }
    base::UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) throw base::system_error("make a socket for each client (ulimit -n)");
    const timeval limit = base::to_timeval(longest_wait);
    static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
    if (::connect(fd.get(), address.get(), address.size()) != 0) {
      // With SO_SNDTIMEO a connect that takes too long fails with EINPROGRESS (socket(7)).
      const bool timed_out = errno == EINPROGRESS || errno == ETIMEDOUT;
      throw base::system_error("connect to " + address.text(), timed_out ? ETIMEDOUT : errno,
                               timed_out ? ExitStatus::temp_fail : ExitStatus::unavailable);
    }
    static_cast<void>(::shutdown(fd.get(), SHUT_WR));
    return fd;
  }

  void wait_for_empty_queue(const char* why_not) {
    const auto began = Clock::now();
    while (look().length > 0) {
      const Duration waited = Clock::now() - began;
      if (waited >= longest_wait) {
        throw StartError(ExitStatus::temp_fail,
                         "the queue of " + address().text() + " does not empty: " + why_not);
      }
      nap(waited);
    }
  }

  std::uint16_t port_;
  kernel::PortObserver observer_;
  std::optional<ObservedListener> listener_;  // as it was at first
};

// The length of the queue for the next round if this one has shown too little. nullopt if it was enough.
std::optional<std::uint32_t> longer(std::uint32_t length, std::uint32_t room, const Round& round) {
  if (length >= room) return std::nullopt;
  if (round.at_most || round.each < fast || round.is_bursty()) return room;
  constexpr double perhaps = 1.7;
  const auto next = std::min(length * growth, room);
  const bool short_enough = round.burst() > perhaps ? 2 * round.longest_pause < long_round_of_bursts
                                                    : round.each * next < long_round;
  return short_enough ? std::optional(next) : std::nullopt;
}

}  // namespace

AcceptTime measure_accept_time(std::uint16_t port) {
  Measurement measurement(port);
  measurement.try_one();
  AcceptTime result{.listener = measurement.address(), .connections = 1};

  auto began = Clock::now();
  auto length = std::min(first_length, measurement.room());
  std::vector<Round> all;
  while (all.empty() || (all.size() < most_rounds && Clock::now() - began < enough_time)) {
    const auto round = measurement.run(length);
    result.connections += static_cast<int>(round.accepted);
    if (const auto next = all.empty() ? longer(length, measurement.room(), round) : std::nullopt) {
      length = *next;
      began = Clock::now();
    } else {
      all.push_back(round);
    }
    std::this_thread::sleep_for(between_rounds);  // the ends of these sessions are not part of the next round
  }
  const auto median = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), median, all.end(),
                   [](auto& left, auto& right) { return left.each < right.each; });
  result.each = std::max<Duration>(median->each, std::chrono::nanoseconds(1));
  result.at_most = median->at_most;
  result.in_bursts = median->is_bursty();
  return result;
}

}  // namespace tcpserver::backlog
