#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <signal.h>
#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Many connections in one process and thread. tcpclient --clients draws them as a timeline, tcpload counts
// them.
namespace tcpserver::client {

// A non-blocking TCP socket for the family of this address; empty, with errno, on failure.
[[nodiscard]] base::UniqueFd open_socket(const base::SocketAddress& server) noexcept;

// Raises the limit of descriptors. Throws StartError (system) if this number of connections does not fit;
// `option` asked for them.
void need_descriptors(const std::string& option, std::uint32_t connections);

// One connection. It has no buffers, so that tens of thousands cost next to nothing.
struct Connection {
  enum class State : std::uint8_t {
    closed,
    connecting,
    holding,     // open; sends nothing until its deadline or the next round
    exchanging,  // sends the bytes of a round, and wants as many back
    ending       // all bytes came back; the server's close is to follow
  };

  base::UniqueFd fd;
  State state = State::closed;
  bool holds_first = false;     // holds before it sends
  bool is_watched = false;      // epoll knows the descriptor ...
  bool wants_to_write = false;  // ... and waits for room to write, too
  std::uint32_t address = 0;    // index of the server's address
  std::uint64_t number = 0;     // 1 for the first of the run
  std::uint64_t round = 0;      // 0 for the first of the connection
  std::uint64_t size = 0;       // bytes of a round
  std::uint64_t sent = 0;       // in this round
  std::uint64_t received = 0;   // in this round
  base::TimePoint began;        // this round; the first one: its connect
  base::TimePoint deadline;     // when it is given up, or the hold ends
};

// Why a connection failed.
struct Fault {
  enum class Kind : std::uint8_t {
    error,       // a system call failed
    timed_out,   // no byte moved for the timeout
    closed,      // the server closed before the whole reply came
    wrong_bytes  // the reply is wrong, or longer than what was sent so far
  };
  Kind kind;
  int error = 0;            // errno, with Kind::error
  std::uint64_t at = 0;     // wrong_bytes: first wrong byte of the round, counted from 0
  bool surplus = false;     // wrong_bytes: right so far, but more than was sent
  std::string_view came{};  // wrong_bytes: what came behind the `received` bytes; valid during the call
};

// The bytes that a connection sends and expects, and their progress.
class ConnectionHandler {
 public:
  // The bytes of this round from `offset` on: `size` of them, or fewer (not none) if not all are at hand.
  [[nodiscard]] virtual std::string_view bytes_to_send(const Connection& connection, std::uint64_t offset,
                                                       std::size_t size) const = 0;
  // Exactly `size` bytes of the right reply; never more than one buffer.
  [[nodiscard]] virtual std::string_view bytes_expected(const Connection& connection, std::uint64_t offset,
                                                        std::size_t size) const = 0;

  // Opens what may be opened now. Called before each wait and after each event. Returns when to call again.
  virtual base::TimePoint start_more() = 0;
  // From time to time.
  virtual void on_tick() = 0;

  virtual void on_connecting(const Connection&) {}
  virtual void on_address_failed(const Connection&, int /*error*/) {}
  virtual void on_connected(const Connection&) {}
  virtual void on_sent(const Connection&) {}
  // The whole reply came. Without half-close the handler goes on: begin_round, park or close.
  virtual void on_reply(Connection&) = 0;
  // It still has its last state, and is closed then.
  virtual void on_failed(const Connection&, const Fault&) = 0;
  virtual void on_closed(const Connection&) {}

 protected:
  ~ConnectionHandler() = default;
};

struct EngineSettings {
  std::vector<base::SocketAddress>
      addresses;  // the addresses of the server in the order to try, at least one
  std::vector<base::SocketAddress> sources{};  // local, one after another; empty: the system chooses
  bool one_address = false;                    // the first address that answers serves the whole run
  std::uint64_t connections = 0;               // in all
  std::uint32_t open = 0;                      // at a time, at most
  std::size_t buffer = 0;                      // bytes to send or receive at a time
  bool half_close = false;                     // after the last byte; then the server's close is wanted
  bool reset = false;                          // close by RST
  base::Duration hold{};                       // how long the first ones hold their connections
  std::optional<base::Duration> timeout{};     // longest time in which nothing moves
  bool stop_when_silent = false;               // if no connection moves for the time-out, all fail
  base::Duration tick{};                       // between two calls of on_tick
};

// Connects, sends, receives, compares and closes. What one wait finds ready had happened by now().
// On loopback a connection is established when connect returns, so its bytes are sent at once.
class ConnectionEngine {
 public:
  // Throws StartError (system).
  ConnectionEngine(EngineSettings settings, ConnectionHandler& handler);

  // Runs until all connections have ended, until silence, or until SIGINT or SIGTERM. Returns the signal, or
  // 0. Never throws for what a server does.
  [[nodiscard]] int run();

  [[nodiscard]] bool has_room() const noexcept { return started_ < settings_.connections && !free_.empty(); }
  // Connects a new connection; needs has_room(). Its first round has begun at `began`.
  void open(std::uint64_t size, base::TimePoint began, bool holds_first);
  void begin_round(Connection& connection, base::TimePoint began);
  // Keeps it open until the next round.
  void park(Connection& connection);
  void close(Connection& connection);

  [[nodiscard]] base::TimePoint began() const noexcept { return began_; }
  [[nodiscard]] base::TimePoint now() const noexcept { return now_; }
  [[nodiscard]] std::uint64_t started() const noexcept { return started_; }
  [[nodiscard]] std::uint32_t busy() const noexcept { return busy_; }  // neither closed nor holding
  [[nodiscard]] std::uint32_t still_open() const noexcept { return open_; }
  [[nodiscard]] bool reached() const noexcept { return reached_; }  // a connection was established, or failed
  [[nodiscard]] bool stalled() const noexcept { return stalled_; }
  [[nodiscard]] std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }
  [[nodiscard]] std::uint64_t bytes_received() const noexcept { return bytes_received_; }
  [[nodiscard]] std::vector<Connection>& connections() noexcept { return connections_; }  // by slot
  // The one that is used, with one_address.
  [[nodiscard]] const base::SocketAddress& address() const { return settings_.addresses[address_]; }

 private:
  using State = Connection::State;
  // Enough to make the call cheap for each event, few enough that the last one does not wait long.
  static constexpr std::size_t most_events = 128;

  [[nodiscard]] bool over() const noexcept;
  void wait(base::TimePoint wake, const sigset_t& mask);
  [[nodiscard]] int wait_for_events(base::Duration limit, const sigset_t& mask) noexcept;
  void step(Connection& connection, std::uint32_t events);
  void connect(Connection& connection);
  [[nodiscard]] int start_connect(Connection& connection) const noexcept;
  void set_state(Connection& connection, State state);
  void set_deadline(Connection& connection, base::TimePoint deadline) noexcept;
  void moved(Connection& connection, base::TimePoint at) noexcept;
  void hold_first(Connection& connection);
  void send(Connection& connection);
  void receive(Connection& connection);
  void compare(Connection& connection, std::size_t count);
  void watch(Connection& connection, bool writing);
  void expire();
  void expire(Connection& connection);
  void fail(Connection& connection, const Fault& fault);
  [[nodiscard]] bool may_try_next(const Connection& connection) const noexcept;

  const EngineSettings settings_;
  ConnectionHandler& handler_;
  base::UniqueFd epoll_;
  std::array<epoll_event, most_events> events_{};
  std::vector<char> buffer_;
  std::vector<Connection> connections_;
  std::vector<std::uint32_t> free_;  // slots
  base::TimePoint began_;
  base::TimePoint now_;
  base::TimePoint heard_;                              // when the server was last heard of
  base::TimePoint earliest_ = base::TimePoint::max();  // no deadline is earlier
  std::uint64_t started_ = 0;
  std::uint32_t open_ = 0;
  std::uint32_t busy_ = 0;
  std::uint32_t address_ = 0;  // with one_address
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
  bool reached_ = false;
  bool stalled_ = false;
};

}  // namespace tcpserver::client
