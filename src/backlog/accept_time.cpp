#include "tcpserver/backlog/accept_time.hpp"

#include "tcpserver/backlog/port_observer.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/posix/unique_fd.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <vector>

namespace tcpserver::backlog {

namespace {

using posix::Clock;
using posix::ExitStatus;
using posix::SocketAddress;
using posix::StartError;
using posix::UniqueFd;

constexpr int rounds = 9;
// Enough for a look at the queue to be short beside the time in which it empties.
constexpr std::uint32_t largest_burst = 200;
constexpr auto between_rounds = std::chrono::milliseconds(50);
constexpr auto longest_wait = std::chrono::seconds(10);

struct Round {
  posix::Duration each{};
  bool at_most = false;
  int connections = 0;
};

class Measurement {
 public:
  explicit Measurement(std::uint16_t port) : port_(port), observer_(port) { listener_ = look(); }

  Round run();
  [[nodiscard]] const SocketAddress& address() const { return listener_.local; }

 private:
  [[nodiscard]] ObservedListener look();
  [[nodiscard]] SocketAddress target() const;
  // Until nobody waits in the queue. Returns the time when that was seen.
  posix::TimePoint wait_for_empty_queue();
  UniqueFd connect_and_end() const;

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
  const timeval limit = posix::to_timeval(longest_wait);
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
      ::connect(fd.get(), address.get(), address.size()) != 0) {
    throw posix::system_error("connect to " + address.text(), errno, ExitStatus::unavailable);
  }
  static_cast<void>(::shutdown(fd.get(), SHUT_WR));
  return fd;
}

posix::TimePoint Measurement::wait_for_empty_queue() {
  const auto deadline = Clock::now() + longest_wait;
  for (;;) {
    if (look().length == 0) return Clock::now();
    if (Clock::now() >= deadline) {
      throw StartError(
          ExitStatus::temp_fail,
          "the queue of " + listener_.local.text() +
              " does not empty: the server accepts nobody now, or more clients come than it can take");
    }
  }
}

Round Measurement::run() {
  wait_for_empty_queue();
  const auto burst = std::clamp(*listener_.limit, 1U, largest_burst);
  std::vector<UniqueFd> clients;
  clients.reserve(burst);

  const auto began = Clock::now();
  for (std::uint32_t i = 0; i < burst; ++i) clients.push_back(connect_and_end());
  const auto waiting = look().length;
  const auto all_came = Clock::now();
  const auto emptied = wait_for_empty_queue();

  // Best is the time of those that waited when all had come: no client was made meanwhile.
  Round round{.connections = static_cast<int>(burst)};
  round.at_most = waiting < burst / 4 || waiting == 0;
  round.each = round.at_most ? (emptied - began) / burst : (emptied - all_came) / waiting;
  return round;
}

}  // namespace

AcceptTime measure_accept_time(std::uint16_t port) {
  Measurement measurement(port);
  std::vector<Round> all;
  AcceptTime result{.listener = measurement.address()};
  for (int i = 0; i < rounds; ++i) {
    all.push_back(measurement.run());
    result.connections += all.back().connections;
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
