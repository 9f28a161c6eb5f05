#pragma once

#include "tcpserver/client/timeline.hpp"
#include "tcpserver/options/client_options.hpp"
#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/socket_address.hpp"
#include "tcpserver/posix/unique_fd.hpp"

#include <poll.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tcpserver::client {

// What all clients of a run have in common. It outlives them.
struct RunPlan {
  const options::ClientOptions& options;
  const std::vector<posix::SocketAddress>& addresses;  // of the server, in the order in which to try them
  posix::TimePoint began;

  [[nodiscard]] double seconds(posix::TimePoint at) const {
    return std::chrono::duration<double>(at - began).count();
  }
};

// A non-blocking TCP socket for this address; none, with errno, where there is none.
[[nodiscard]] posix::UniqueFd open_socket(const posix::SocketAddress& address);

// One of many clients: connects, holds, sends, half-closes, and compares what comes until the server closes.
// Never blocks; whoever has it waits for what polled() and due() say, and calls step(). What happened is in
// its `life`, which outlives it.
class ComparedClient {
 public:
  // `fd` is a socket for the first address.
  ComparedClient(const RunPlan& plan, ClientLife& life, posix::UniqueFd fd);

  void start();
  [[nodiscard]] bool ended() const { return life_->ended_s.has_value(); }
  [[nodiscard]] pollfd polled() const;

  // When it wants to be stepped, whatever the socket says.
  [[nodiscard]] std::optional<posix::TimePoint> due() const { return holding() ? hold_until_ : give_up_; }

  // `ready` are the poll events, `now` is when the wait returned: what it reports had happened by then.
  void step(short ready, posix::TimePoint now);

 private:
  [[nodiscard]] bool holding() const { return hold_until_.has_value(); }
  void moved(posix::TimePoint now);
  void connect(posix::TimePoint now);
  void finish_connecting(posix::TimePoint now);
  void connected(posix::TimePoint now);
  void connect_failed(int error, posix::TimePoint now);
  void send(posix::TimePoint now);
  [[nodiscard]] bool receive(posix::TimePoint now);
  void compare(std::string_view part, posix::TimePoint now);
  [[nodiscard]] std::string what_is_wrong(std::string_view part, std::string_view expected) const;
  void give_up_waiting(posix::TimePoint now);
  void closed(posix::TimePoint now);
  void broken(int error, posix::TimePoint now);
  void fail(Trouble trouble, std::string sentence, posix::TimePoint now);
  void end(posix::TimePoint now);

  const RunPlan* plan_;
  ClientLife* life_;
  posix::UniqueFd fd_;
  std::string sentence_;
  std::string expected_;
  std::size_t address_ = 0;  // whose turn it is
  std::string failures_;     // of the addresses before
  bool timed_out_ = false;   // one of them did not answer
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
  std::optional<posix::TimePoint> hold_until_;          // set: it holds its connection
  std::optional<posix::TimePoint> give_up_connecting_;  // to all addresses
  std::optional<posix::TimePoint> give_up_;             // what it waits for now
};

}  // namespace tcpserver::client
