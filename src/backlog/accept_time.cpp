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
// A few accepts are enough to measure a slow server. So a round starts no client after the first limit, and
// the measurement starts no round after the second.
constexpr auto longest_topping_up = std::chrono::milliseconds(300);
constexpr auto enough_time = std::chrono::seconds(3);
// A slow server empties a short queue quickly. A short queue does not suffice to measure a fast server, or
// one that accepts all waiting clients in one batch. So the queue grows by this factor while rounds stay
// short.
constexpr std::uint32_t first_length = 2;
constexpr std::uint32_t growth = 4;
constexpr auto long_round = std::chrono::seconds(1);
constexpr auto long_round_of_batches = std::chrono::seconds(5);
constexpr auto fast = std::chrono::milliseconds(1);
constexpr auto longest_wait = std::chrono::seconds(10);
constexpr auto longest_round =
    std::chrono::seconds(60);  // enough for several accepts at nearly the longest wait

// The result of one round.
struct Round {
  TimePoint began = Clock::now();
  TimePoint last_change = began;
  TimePoint first_accept = began;
  std::int64_t accepted_at_first = 0;  // 0 until the first accept
  std::int64_t accepted = 0;           // negative while clients of other programs wait too
  Duration longest_pause{};            // longest time without an accept
  Duration starved{};  // time with an empty queue, when the server may have waited for a client
  Duration whole{};    // finish() sets this and the next two
  Duration each{};
  bool at_most = false;

  void record(std::int64_t count, TimePoint before_sample, TimePoint now) {
    if (count == accepted) return;
    longest_pause = std::max<Duration>(longest_pause, now - last_change);
    last_change = now;
    accepted = count;
    if (accepted_at_first > 0 || accepted <= 0) return;
    first_accept = before_sample;  // a delay between clock and sample must not shorten the time
    accepted_at_first = accepted;
  }

  // An idle server accepts its first client at once, so the time is counted from that accept. For a server
  // that accepts in batches it is counted from the beginning.
  void finish(TimePoint end) {
    whole = end - began;
    each = whole / std::max<std::int64_t>(accepted, 1);
    if (accepts_in_batches()) return;
    const auto count = accepted - accepted_at_first;
    const Duration time = end - first_accept;
    at_most = count <= 0 || starved > time / 4;
    if (!at_most) each = time / count;
  }

  // Returns the mean number of accepts per longest pause: about 1 if the server accepts one client at a time.
  [[nodiscard]] double batch_size() const {
    return static_cast<double>(longest_pause.count()) /
           static_cast<double>(std::max<std::int64_t>(each.count(), 1));
  }
  [[nodiscard]] bool accepts_in_batches() const {
    constexpr double clear_batch = 4;
    constexpr auto longest_hiccup = std::chrono::milliseconds(20);  // a busy machine may pause this long
    return batch_size() > clear_batch && longest_pause > longest_hiccup && longest_pause > whole / 4;
  }
};

// Sleeps for a fiftieth of the time since the last change, so that polling does not delay a slow server.
void wait_before_poll(Duration since_change) {
  constexpr Duration shortest = std::chrono::microseconds(50);
  constexpr Duration longest = std::chrono::milliseconds(5);
  const auto length = std::min(since_change / 50, longest);
  if (length >= shortest) std::this_thread::sleep_for(length);
}

class Measurement {
 public:
  explicit Measurement(std::uint16_t port) : port_(port), observer_(port) { listener_ = read_queue(); }

  // Returns the number of clients that may wait without an overflow.
  [[nodiscard]] std::uint32_t capacity() const {
    return std::clamp<std::uint32_t>(listener_->limit.value_or(0), 1, connections_per_round);
  }
  [[nodiscard]] const base::SocketAddress& address() const { return listener_->local; }

  // Checks that the server accepts one connection, before many clients wait for it.
  void try_one() {
    wait_for_empty_queue("the server does not accept, or other clients keep it full");
    const auto client = connect_and_half_close();
    wait_for_empty_queue("the server does not accept; one test connection stays in its queue");
  }

  // Keeps up to `length` clients waiting in the queue.
  Round run(std::uint32_t length) {
    std::vector<base::UniqueFd> clients;
    clients.reserve(connections_per_round);
    Round round;
    auto last_sample = round.began;
    for (;;) {
      const auto before_sample = Clock::now();
      const auto waiting = read_queue().length;
      const auto now = Clock::now();
      const auto made = static_cast<std::int64_t>(clients.size());
      round.record(made - waiting, before_sample, now);

      const bool early = now - round.began < longest_topping_up || made < 2 * std::int64_t{length};
      const bool topping_up = early && made < connections_per_round;
      if (waiting == 0 && !topping_up) {
        round.finish(now);
        return round;
      }
      if (now - round.last_change >= longest_wait) {
        throw StartError(ExitStatus::temp_fail,
                         "the server on " + address().text() + " stopped accepting during the measurement; " +
                             std::to_string(waiting) + " connections are still in its queue");
      }
      if (now - round.began >= longest_round) {
        throw StartError(ExitStatus::temp_fail, "cannot measure " + address().text() +
                                                    ": its queue never empties, because of other clients");
      }
      if (topping_up && waiting < length) {
        const auto wanted = std::min<std::int64_t>(made + length - waiting, connections_per_round);
        while (static_cast<std::int64_t>(clients.size()) < wanted && Clock::now() - now < longest_wait) {
          clients.push_back(connect_and_half_close());
        }
        if (waiting == 0 && round.accepted_at_first > 0) round.starved += Clock::now() - last_sample;
      } else {
        wait_before_poll(now - round.last_change);
      }
      last_sample = Clock::now();
    }
  }

 private:
  // Returns the sum of all listeners of the address: with SO_REUSEPORT the kernel spreads clients over them.
  // The limit is that of the shortest queue, because all clients may arrive there.
  ObservedListener read_queue() {
    auto found = listener_;
    if (found) found->length = 0;
    const auto snapshot = observer_.take_snapshot(kernel::TcpSockets::Kind::listeners);
    bool listens = false;
    for (const auto& listener : snapshot.listeners) {
      if (!found) found = ObservedListener{.local = listener.local, .limit = listener.limit};
      if (!(listener.local == found->local)) continue;
      if (!listener.limit) {
        throw StartError(ExitStatus::unavailable,
                         "cannot measure port " + std::to_string(port_) +
                             ": the length of its queue is unknown; the kernel lacks sock_diag(7), or a "
                             "security policy forbids AF_NETLINK");
      }
      listens = true;
      found->length += listener.length;
      found->limit = std::min(found->limit, listener.limit);
    }
    if (!listens) {
      throw StartError(ExitStatus::unavailable, "nothing is listening on port " + std::to_string(port_));
    }
    return *found;
  }

  base::UniqueFd connect_and_half_close() const {
    auto address = listener_->local;
    if (address.is_wildcard()) {
      address = *base::SocketAddress::parse(address.family() == AF_INET6 ? "::1" : "127.0.0.1", port_);
    }
    base::UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) throw base::socket_error("create a socket");
    const timeval limit = base::to_timeval(longest_wait);
    static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
    if (::connect(fd.get(), address.get(), address.size()) != 0) {
      // With SO_SNDTIMEO a connect that takes too long fails with EINPROGRESS (socket(7)).
      const bool timed_out = errno == EINPROGRESS || errno == ETIMEDOUT;
      if (!timed_out) throw base::socket_error("connect to " + address.text());
      throw base::system_error("connect to " + address.text(), ETIMEDOUT, ExitStatus::temp_fail);
    }
    static_cast<void>(::shutdown(fd.get(), SHUT_WR));
    return fd;
  }

  void wait_for_empty_queue(const char* reason) {
    const auto began = Clock::now();
    while (read_queue().length > 0) {
      const Duration waited = Clock::now() - began;
      if (waited >= longest_wait) {
        throw StartError(ExitStatus::temp_fail,
                         "the queue of " + address().text() + " does not empty: " + reason);
      }
      wait_before_poll(waited);
    }
  }

  std::uint16_t port_;
  kernel::PortObserver observer_;
  std::optional<ObservedListener> listener_;  // as first seen
};

// Returns the length of the queue for the next round. nullopt if this round was long enough to measure.
std::optional<std::uint32_t> find_longer_length(std::uint32_t length, std::uint32_t capacity,
                                                const Round& round) {
  if (length >= capacity) return std::nullopt;
  if (round.at_most || round.each < fast || round.accepts_in_batches()) return capacity;
  constexpr double possible_batch = 1.7;
  const auto next = std::min(length * growth, capacity);
  const bool short_enough = round.batch_size() > possible_batch
                                ? 2 * round.longest_pause < long_round_of_batches
                                : round.each * next < long_round;
  return short_enough ? std::optional(next) : std::nullopt;
}

}  // namespace

AcceptTime measure_accept_time(std::uint16_t port) {
  Measurement measurement(port);
  measurement.try_one();
  AcceptTime result{.listener = measurement.address(), .connections = 1};

  auto began = Clock::now();
  auto length = std::min(first_length, measurement.capacity());
  std::vector<Round> all;
  while (all.empty() || (all.size() < most_rounds && Clock::now() - began < enough_time)) {
    const auto round = measurement.run(length);
    result.connections += static_cast<int>(round.accepted);
    if (const auto next =
            all.empty() ? find_longer_length(length, measurement.capacity(), round) : std::nullopt) {
      length = *next;
      began = Clock::now();
    } else {
      all.push_back(round);
    }
    std::this_thread::sleep_for(between_rounds);  // lets these sessions end before the next round
  }
  const auto median = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), median, all.end(),
                   [](auto& left, auto& right) { return left.each < right.each; });
  result.each = std::max<Duration>(median->each, std::chrono::nanoseconds(1));
  result.at_most = median->at_most;
  result.in_bursts = median->accepts_in_batches();
  return result;
}

}  // namespace tcpserver::backlog
