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
using base::ExitStatus;
using base::SocketAddress;
using base::StartError;
using base::UniqueFd;

constexpr int most_rounds = 9;
constexpr int connections_a_round = 200;
constexpr auto between_rounds = std::chrono::milliseconds(50);
// A slow server shows its time in a few accepts: no new client after this, and no new round after that.
constexpr auto longest_topping_up = std::chrono::milliseconds(300);
constexpr auto enough_time = std::chrono::seconds(3);
// A short queue is emptied soon by a slow server, but tells nothing of a fast one, nor of one that takes all
// that wait at a time. So it is made longer by this factor, as long as that takes no longer than that.
constexpr std::uint32_t first_length = 2;
constexpr std::uint32_t growth = 4;
constexpr auto long_round = std::chrono::seconds(1);
constexpr auto long_round_of_bursts = std::chrono::seconds(5);
constexpr auto fast = std::chrono::milliseconds(1);
constexpr auto longest_wait = std::chrono::seconds(10);
// Of a server that takes one client in just less than the longest wait, four accepts.
constexpr auto longest_round = std::chrono::seconds(60);

struct Round {
  base::Duration each{};
  base::Duration whole{};
  base::Duration longest_pause{};  // without an accept
  bool at_most = false;
  int connections = 0;

  // How many accepts one pause stands for: about one where the server takes one client after another.
  [[nodiscard]] double burst() const {
    return static_cast<double>(longest_pause.count()) /
           static_cast<double>(std::max<std::int64_t>(each.count(), 1));
  }
  [[nodiscard]] bool bursty() const {
    constexpr double surely = 4;
    constexpr auto no_hiccup = std::chrono::milliseconds(20);
    return burst() > surely && longest_pause > no_hiccup && longest_pause > whole / 4;
  }
};

// All listeners of one address: with SO_REUSEPORT the kernel spreads the clients over them.
struct ListenerGroup {
  SocketAddress local;
  std::uint32_t length = 0;  // of their queues, together
  std::uint32_t limit = 0;   // of the shortest: all clients may come to that one
};

class Measurement {
 public:
  explicit Measurement(std::uint16_t port) : port_(port), observer_(port) { group_ = look(); }

  // That one connection is accepted, before many wait for it.
  void try_one();

  // Keeps up to `length` clients waiting in the queue.
  [[nodiscard]] Round run(std::uint32_t length);

  // As many clients as may wait at once and overflow nothing.
  [[nodiscard]] std::uint32_t room() const {
    return std::clamp<std::uint32_t>(group_->limit, 1, connections_a_round);
  }
  [[nodiscard]] const SocketAddress& address() const { return group_->local; }

 private:
  [[nodiscard]] ListenerGroup look();
  [[nodiscard]] SocketAddress target() const;
  [[nodiscard]] UniqueFd connect_and_end() const;
  void wait_for_empty_queue(const char* why_not);

  std::uint16_t port_;
  kernel::PortObserver observer_;
  std::optional<ListenerGroup> group_;  // as it was at first
};

ListenerGroup Measurement::look() {
  const auto picture = observer_.look(kernel::PortObserver::Look::listeners_only);
  std::optional<ListenerGroup> found;
  for (const auto& listener : picture.listeners) {
    if (group_ && !(listener.local == group_->local)) continue;
    if (!found) found = ListenerGroup{.local = listener.local, .limit = listener.limit.value_or(0)};
    if (!(listener.local == found->local)) continue;
    if (!listener.limit) {
      throw StartError(ExitStatus::unavailable,
                       "cannot measure: this system does not tell how long the queue of port " +
                           std::to_string(port_) + " is");
    }
    found->length += listener.length;
    found->limit = std::min(found->limit, *listener.limit);
  }
  if (!found) {
    throw StartError(ExitStatus::unavailable,
                     "nobody listens on port " + std::to_string(port_) + " of this machine");
  }
  return *found;
}

SocketAddress Measurement::target() const {
  if (!group_->local.is_wildcard()) return group_->local;
  return *SocketAddress::parse(group_->local.family() == AF_INET6 ? "::1" : "127.0.0.1", port_);
}

UniqueFd Measurement::connect_and_end() const {
  const auto address = target();
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw base::system_error("make a socket for each client (ulimit -n)");
  const timeval limit = base::to_timeval(longest_wait);
  static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
  if (::connect(fd.get(), address.get(), address.size()) != 0) {
    // What SO_SNDTIMEO makes of a connect that takes too long (socket(7)).
    const bool timed_out = errno == EINPROGRESS || errno == ETIMEDOUT;
    throw base::system_error("connect to " + address.text(), timed_out ? ETIMEDOUT : errno,
                             timed_out ? ExitStatus::temp_fail : ExitStatus::unavailable);
  }
  static_cast<void>(::shutdown(fd.get(), SHUT_WR));
  return fd;
}

// Looks as often as a fiftieth of the time since something happened: a slow server is not slowed by it.
void nap(base::Duration since_change) {
  constexpr base::Duration shortest = std::chrono::microseconds(50);
  constexpr base::Duration longest = std::chrono::milliseconds(5);
  const auto length = std::min(since_change / 50, longest);
  if (length >= shortest) std::this_thread::sleep_for(length);
}

void Measurement::wait_for_empty_queue(const char* why_not) {
  const auto began = Clock::now();
  while (look().length > 0) {
    const base::Duration waited = Clock::now() - began;
    if (waited >= longest_wait) {
      throw StartError(ExitStatus::temp_fail,
                       "the queue of " + group_->local.text() + " does not empty: " + why_not);
    }
    nap(waited);
  }
}

void Measurement::try_one() {
  wait_for_empty_queue("the server accepts nobody now, or more clients come than it can take");
  const auto client = connect_and_end();
  wait_for_empty_queue(
      "the server accepts nobody now; the one connection that tried it stays there until it does");
}

// What was seen of the accepts of one round.
class AcceptLog {
 public:
  explicit AcceptLog(base::TimePoint began) : began_(began), last_change_(began), first_(began) {}

  // So many were accepted by now; the look began a little before.
  void note(std::int64_t accepted, base::TimePoint before_look, base::TimePoint now) {
    if (accepted != accepted_) {
      longest_pause_ = std::max<base::Duration>(longest_pause_, now - last_change_);
      last_change_ = now;
    }
    accepted_ = accepted;
    if (accepted_at_first_ > 0 || accepted <= 0) return;
    first_ = before_look;  // what holds us up between clock and look must not shorten the time
    accepted_at_first_ = accepted;
  }
  void starved_for(base::Duration time) {
    if (accepted_at_first_ > 0) starved_ += time;
  }
  [[nodiscard]] base::TimePoint last_change() const { return last_change_; }

  // An idle server takes its first client at once: the time counts from there. One that comes by from time to
  // time does not: there it counts from the beginning.
  [[nodiscard]] Round result(base::TimePoint end, int connections) const {
    const base::Duration whole = end - began_;
    const base::Duration whole_mean = whole / std::max(connections, 1);
    Round round{
        .each = whole_mean, .whole = whole, .longest_pause = longest_pause_, .connections = connections};
    if (round.bursty()) return round;
    const auto count = accepted_ - accepted_at_first_;
    const base::Duration time = end - first_;
    round.at_most = count <= 0 || starved_ > time / 4;
    if (!round.at_most) round.each = time / count;
    return round;
  }

 private:
  base::TimePoint began_;
  base::TimePoint last_change_;
  base::Duration longest_pause_{};
  base::Duration starved_{};  // the queue was empty, and the server may have waited for a client
  base::TimePoint first_;     // accept; until then the beginning
  std::int64_t accepted_ = 0;
  std::int64_t accepted_at_first_ = 0;
};

Round Measurement::run(std::uint32_t length) {
  std::vector<UniqueFd> clients;
  clients.reserve(connections_a_round);
  const auto began = Clock::now();
  AcceptLog log(began);
  auto last_look = began;
  for (;;) {
    const auto before_look = Clock::now();
    const auto waiting = look().length;
    const auto now = Clock::now();
    const auto made = static_cast<std::int64_t>(clients.size());
    log.note(made - waiting, before_look, now);

    const bool early = now - began < longest_topping_up || made < 2 * std::int64_t{length};
    const bool topping_up = early && made < connections_a_round;
    if (waiting == 0 && !topping_up) return log.result(now, static_cast<int>(made));
    if (now - log.last_change() >= longest_wait) {
      throw StartError(ExitStatus::temp_fail,
                       "the server on " + group_->local.text() +
                           " has stopped accepting in the middle of the measurement, and up to " +
                           std::to_string(waiting) + " connections of it wait there");
    }
    if (now - began >= longest_round) {
      throw StartError(ExitStatus::temp_fail,
                       "the queue of " + group_->local.text() +
                           " never empties: too many other clients come to measure it now");
    }
    if (topping_up && waiting < length) {
      const auto wanted = std::min(made + length - waiting, std::int64_t{connections_a_round});
      while (static_cast<std::int64_t>(clients.size()) < wanted && Clock::now() - now < longest_wait) {
        clients.push_back(connect_and_end());
      }
      if (waiting == 0) log.starved_for(Clock::now() - last_look);
    } else {
      nap(now - log.last_change());
    }
    last_look = Clock::now();
  }
}

// The length of the queue for the next round, after one that told too little; nothing: it told enough.
std::optional<std::uint32_t> longer(std::uint32_t length, std::uint32_t room, const Round& round) {
  if (length >= room) return std::nullopt;
  if (round.at_most || round.each < fast || round.bursty()) return room;
  constexpr double perhaps = 1.7;
  const bool may_be_bursty = round.burst() > perhaps;
  const auto next = std::min(length * growth, room);
  const bool short_enough =
      may_be_bursty ? 2 * round.longest_pause < long_round_of_bursts : round.each * next < long_round;
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
    result.connections += round.connections;
    if (const auto next = all.empty() ? longer(length, measurement.room(), round) : std::nullopt) {
      length = *next;
      began = Clock::now();
    } else {
      all.push_back(round);
    }
    std::this_thread::sleep_for(between_rounds);  // the ends of these sessions are not part of the next
  }
  std::sort(all.begin(), all.end(),
            [](const Round& left, const Round& right) { return left.each < right.each; });
  const Round& median = all[all.size() / 2];
  result.each = std::max<base::Duration>(median.each, std::chrono::nanoseconds(1));
  result.at_most = median.at_most;
  result.in_bursts = median.bursty();
  return result;
}

}  // namespace tcpserver::backlog
