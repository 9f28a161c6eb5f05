#include "tcpserver/backlog/accept_time.hpp"

#include "tcpserver/backlog/port_observer.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/posix/unique_fd.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>
#include <vector>

namespace tcpserver::backlog {

namespace {

using posix::Clock;
using posix::ExitStatus;
using posix::SocketAddress;
using posix::StartError;
using posix::UniqueFd;

constexpr int most_rounds = 9;
constexpr int connections_a_round = 200;
constexpr auto between_rounds = std::chrono::milliseconds(50);
// A slow server shows its time in a few accepts: no new client after this, and no new round after that.
constexpr auto longest_topping_up = std::chrono::milliseconds(300);
constexpr auto enough_time = std::chrono::seconds(3);
// A queue this short is emptied soon by a slow server, and tells nothing of a fast one.
constexpr std::uint32_t short_queue = 2;
constexpr auto fast = std::chrono::milliseconds(1);
constexpr auto longest_wait = std::chrono::seconds(10);

struct Round {
  posix::Duration each{};
  bool at_most = false;
  int connections = 0;
};

class Measurement {
 public:
  explicit Measurement(std::uint16_t port) : port_(port), observer_(port) { listener_ = look(); }

  // That one connection is accepted, before many wait for it.
  void try_one();

  // Keeps up to `length` clients waiting in the queue.
  [[nodiscard]] Round run(std::uint32_t length);

  // As many clients as may wait at once and overflow nothing.
  [[nodiscard]] std::uint32_t room() const {
    return std::clamp<std::uint32_t>(*listener_.limit, 1, connections_a_round);
  }
  [[nodiscard]] const SocketAddress& address() const { return listener_.local; }

 private:
  [[nodiscard]] ObservedListener look();
  [[nodiscard]] SocketAddress target() const;
  [[nodiscard]] UniqueFd connect_and_end() const;
  void wait_for_empty_queue(const char* why_not);

  std::uint16_t port_;
  PortObserver observer_;
  ObservedListener listener_;
};

ObservedListener Measurement::look() {
  const auto picture = observer_.look(PortObserver::Look::listeners_only);
  // The same one each time, should there be several.
  const auto found = std::find_if(
      picture.listeners.begin(), picture.listeners.end(),
      [this](const ObservedListener& one) { return listener_.inode == 0 || one.inode == listener_.inode; });
  const std::string port = std::to_string(port_);
  if (found == picture.listeners.end()) {
    throw StartError(ExitStatus::unavailable, "nobody listens on port " + port + " of this machine");
  }
  if (!found->limit) {
    throw StartError(ExitStatus::unavailable,
                     "cannot measure: this system does not tell how long the queue of port " + port + " is");
  }
  return *found;
}

SocketAddress Measurement::target() const {
  if (!listener_.local.is_wildcard()) return listener_.local;
  return *SocketAddress::parse(listener_.local.family() == AF_INET6 ? "::1" : "127.0.0.1", port_);
}

UniqueFd Measurement::connect_and_end() const {
  const auto address = target();
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw posix::system_error("make a socket for each client (ulimit -n)");
  const timeval limit = posix::to_timeval(longest_wait);
  static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
  if (::connect(fd.get(), address.get(), address.size()) != 0) {
    // What SO_SNDTIMEO makes of a connect that takes too long (socket(7)).
    const bool timed_out = errno == EINPROGRESS || errno == ETIMEDOUT;
    throw posix::system_error("connect to " + address.text(), timed_out ? ETIMEDOUT : errno,
                              timed_out ? ExitStatus::temp_fail : ExitStatus::unavailable);
  }
  static_cast<void>(::shutdown(fd.get(), SHUT_WR));
  return fd;
}

// Looks as often as a fiftieth of the time since something happened: a slow server is not slowed by it.
void nap(posix::Duration since_change) {
  constexpr posix::Duration shortest = std::chrono::microseconds(50);
  constexpr posix::Duration longest = std::chrono::milliseconds(5);
  const auto length = std::min(since_change / 50, longest);
  if (length >= shortest) std::this_thread::sleep_for(length);
}

void Measurement::wait_for_empty_queue(const char* why_not) {
  const auto began = Clock::now();
  while (look().length > 0) {
    const posix::Duration waited = Clock::now() - began;
    if (waited >= longest_wait) {
      throw StartError(ExitStatus::temp_fail,
                       "the queue of " + listener_.local.text() + " does not empty: " + why_not);
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

Round Measurement::run(std::uint32_t length) {
  std::vector<UniqueFd> clients;
  clients.reserve(connections_a_round);
  const auto began = Clock::now();
  auto last_change = began;
  posix::Duration starved{};  // the queue was empty, and the server may have waited for a client
  std::optional<posix::TimePoint> first_accept;
  std::int64_t accepted = 0;
  std::int64_t accepted_at_first = 0;
  auto last_look = began;
  for (;;) {
    const auto before_look = Clock::now();
    const auto waiting = look().length;
    const auto now = Clock::now();
    const auto made = static_cast<std::int64_t>(clients.size());
    if (made - waiting != accepted) last_change = now;
    accepted = made - waiting;
    if (!first_accept && accepted > 0) {
      first_accept = before_look;  // what holds us up between clock and look must not shorten the time
      accepted_at_first = accepted;
    }
    const bool topping_up = made < connections_a_round && now - began < longest_topping_up;
    if (waiting == 0 && !topping_up) {
      const auto count = accepted - accepted_at_first;
      const posix::Duration time = now - first_accept.value_or(began);
      const bool at_most = count <= 0 || starved > time / 4;
      return {.each = at_most ? (now - began) / std::max<std::int64_t>(made, 1) : time / count,
              .at_most = at_most,
              .connections = static_cast<int>(made)};
    }
    if (topping_up && waiting < length) {
      const auto wanted = std::min(made + length - waiting, std::int64_t{connections_a_round});
      while (static_cast<std::int64_t>(clients.size()) < wanted) clients.push_back(connect_and_end());
      if (waiting == 0 && first_accept) starved += Clock::now() - last_look;
    } else if (now - last_change >= longest_wait) {
      throw StartError(ExitStatus::temp_fail, "the server on " + listener_.local.text() +
                                                  " has stopped accepting in the middle of the measurement");
    } else {
      nap(now - last_change);
    }
    last_look = Clock::now();
  }
}

}  // namespace

AcceptTime measure_accept_time(std::uint16_t port) {
  Measurement measurement(port);
  measurement.try_one();
  AcceptTime result{.listener = measurement.address(), .connections = 1};

  const auto began = Clock::now();
  auto length = std::min(short_queue, measurement.room());
  std::vector<Round> all;
  while (all.empty() || (all.size() < most_rounds && Clock::now() - began < enough_time)) {
    const auto round = measurement.run(length);
    result.connections += round.connections;
    const bool short_for_it = (round.at_most || round.each < fast) && length < measurement.room();
    if (short_for_it) {
      length = measurement.room();
    } else {
      all.push_back(round);
    }
    std::this_thread::sleep_for(between_rounds);  // the ends of these sessions are not part of the next
  }
  std::sort(all.begin(), all.end(),
            [](const Round& left, const Round& right) { return left.each < right.each; });
  const Round& median = all[all.size() / 2];
  result.each = std::max<posix::Duration>(median.each, std::chrono::nanoseconds(1));
  result.at_most = median.at_most;
  return result;
}

}  // namespace tcpserver::backlog
