#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/client/connection_engine.hpp"

#include "client/options.hpp"
#include "client/timeline.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tcpserver::client {

// What all clients of a run have in common. It outlives them.
struct RunPlan {
  const ClientOptions& options;
  const std::vector<base::SocketAddress>& addresses;  // of the server, in the order in which to try them
  ConnectionEngine& engine;                           // the slot of a client is its number - 1
  base::TimePoint began;

  [[nodiscard]] double seconds(base::TimePoint at) const {
    return std::chrono::duration<double>(at - began).count();
  }
};

// One of many clients: connects, holds, sends, half-closes, and compares what comes until the server closes.
// Never blocks; its owner waits for the engine and for due(), and calls step(). What happened is in its
// `life`, which outlives it.
class ComparedClient {
 public:
  // `fd` is a socket for the first address.
  ComparedClient(const RunPlan& plan, ClientLife& life, base::UniqueFd fd);

  void start();
  [[nodiscard]] bool ended() const { return life_->ended_s.has_value(); }

  // When it wants to be stepped, whatever the socket says.
  [[nodiscard]] std::optional<base::TimePoint> due() const { return holding() ? hold_until_ : give_up_; }

  // `now` is when the wait returned: what it reports had happened by then.
  void step(bool ready, bool readable, base::TimePoint now);

 private:
  [[nodiscard]] bool holding() const { return hold_until_.has_value(); }
  [[nodiscard]] bool watch(ConnectionEngine::Want want);
  void moved(base::TimePoint now);
  void connect(base::TimePoint now);
  void finish_connecting(base::TimePoint now);
  void connected(base::TimePoint now);
  void connect_failed(int error, base::TimePoint now);
  void send(base::TimePoint now);
  [[nodiscard]] bool receive(base::TimePoint now);
  void compare(std::string_view part, base::TimePoint now);
  [[nodiscard]] std::string what_is_wrong(std::string_view part, std::string_view expected) const;
  void give_up_waiting(base::TimePoint now);
  void closed(base::TimePoint now);
  void broken(int error, base::TimePoint now);
  void fail(Trouble trouble, std::string sentence, base::TimePoint now);
  void end(base::TimePoint now);

  const RunPlan* plan_;
  ClientLife* life_;
  base::UniqueFd fd_;
  std::string sentence_;
  std::string expected_;
  std::size_t address_ = 0;                        // whose turn it is
  std::string failures_;                           // of the addresses before
  bool timed_out_ = false;                         // one of them did not answer
  std::optional<ConnectionEngine::Want> watched_;  // nullopt if the engine does not know the socket
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
  std::optional<base::TimePoint> hold_until_;          // set: it holds its connection
  std::optional<base::TimePoint> give_up_connecting_;  // to all addresses
  std::optional<base::TimePoint> give_up_;             // what it waits for now
};

}  // namespace tcpserver::client
