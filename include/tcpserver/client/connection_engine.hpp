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

// Runs many connections in one thread. tcpclient --clients draws their timeline, and tcpload counts them.
namespace tcpserver::client {

// Returns a non-blocking TCP socket for this address; empty with errno on failure.
[[nodiscard]] base::UniqueFd open_socket(const base::SocketAddress& server) noexcept;

// Returns the pending error of a socket (SO_ERROR, socket(7)), or 0.
[[nodiscard]] int socket_error(int fd) noexcept;

// Raises the descriptor limit. Throws StartError (system) if it stays too low for this number of connections.
// `option` is for the message: the option that set the number.
void require_descriptors(const std::string& option, std::uint32_t connections);

// A connection has no buffers, so that tens of thousands need little memory.
struct Connection {
  enum class State : std::uint8_t {
    closed,
    connecting,
    holding,     // open; sends nothing until its deadline or the next round
    exchanging,  // sends the bytes of a round and receives the reply
    ending       // has the whole reply; waits for the server's close
  };

  base::UniqueFd fd{};
  State state = State::closed;
  bool holds_first = false;      // holds before it sends
  bool is_watched = false;       // registered with epoll
  bool wants_to_write = false;   // registered for EPOLLOUT
  std::uint32_t address = 0;     // index of the server's address
  std::uint64_t number = 0;      // from 1, in the run
  std::uint64_t round = 0;       // from 0, in the connection
  std::uint64_t size = 0;        // bytes of a round
  std::uint64_t sent = 0;        // in this round
  std::uint64_t received = 0;    // in this round
  base::TimePoint start_time{};  // when this round started; the first starts with the connect
  base::TimePoint deadline{};    // end of the timeout or of the hold
};

// Why a connection failed.
struct Fault {
  enum class Kind : std::uint8_t {
    error,       // a system call failed
    timed_out,   // no progress for the timeout
    closed,      // the server closed before it sent the whole reply
    wrong_bytes  // the reply is wrong, or longer than what was sent so far
  };
  Kind kind;
  int error = 0;             // errno, with Kind::error
  std::uint64_t at = 0;      // wrong_bytes: the first wrong byte of the round, from 0
  bool too_long = false;     // wrong_bytes: the reply is correct, but longer than what was sent
  std::string_view bytes{};  // wrong_bytes: what follows the `received` bytes; valid during the call
};

// Supplies the bytes, starts connections, and observes their progress.
class ConnectionHandler {
 public:
  // Returns 1 to `size` bytes of this round, from `offset`.
  [[nodiscard]] virtual std::string_view bytes_to_send(const Connection& connection, std::uint64_t offset,
                                                       std::size_t size) const = 0;
  // Returns exactly `size` bytes of the correct reply, at most one buffer.
  [[nodiscard]] virtual std::string_view bytes_expected(const Connection& connection, std::uint64_t offset,
                                                        std::size_t size) const = 0;

  // Opens connections that are due. Called before each wait and after each event. Returns when to call again.
  virtual base::TimePoint open_due() = 0;
  virtual void on_tick() = 0;

  virtual void on_connecting(const Connection&) {}
  virtual void on_address_failed(const Connection&, int /*error*/) {}
  virtual void on_connected(const Connection&) {}
  virtual void on_sent(const Connection&) {}
  // The whole reply has arrived. Without half-close, the handler calls begin_round, park or close.
  virtual void on_reply(Connection&) = 0;
  // The connection still has the state in which it failed. The engine closes it afterwards.
  virtual void on_failed(const Connection&, const Fault&) = 0;
  virtual void on_closed(const Connection&) {}

 protected:
  ~ConnectionHandler() = default;
};

struct EngineSettings {
  std::vector<base::SocketAddress> addresses;  // of the server, in the order to try; at least one
  std::vector<base::SocketAddress> sources{};  // local addresses, used in turn; empty: the system chooses
  bool one_address = false;                    // the first address that answers serves the whole run
  std::uint64_t connections = 0;               // in total
  std::uint32_t open = 0;                      // largest number of open connections
  std::size_t buffer = 0;                      // bytes per send or receive
  bool half_close = false;                  // half-close after the last byte and wait for the server's close
  bool reset = false;                       // close with RST
  base::Duration hold{};                    // for connections that hold first
  std::optional<base::Duration> timeout{};  // longest time without progress
  bool stop_when_silent = false;            // end the run if the server is silent for the timeout:
                                            // connections that hold stay open, the others time out
  base::Duration tick{};                    // between calls of on_tick
};

// Connects, sends, receives, compares and closes. Events of one wait have the time now(). On loopback connect
// succeeds immediately, so the first bytes are sent without a wait.
class ConnectionEngine {
 public:
  // Throws StartError (system).
  ConnectionEngine(EngineSettings settings, ConnectionHandler& handler);

  // Runs until all connections have ended, the server is silent, or SIGINT or SIGTERM. Returns the signal or
  // 0. Never throws for what a server does.
  [[nodiscard]] int run();

  [[nodiscard]] bool can_open() const noexcept { return started_ < settings_.connections && !free_.empty(); }
  // Connects a new connection; needs can_open(). Its first round counts from `start_time`.
  void open(std::uint64_t size, base::TimePoint start_time, bool holds_first);
  void begin_round(Connection& connection, base::TimePoint start_time);
  // Keeps it open until the next round.
  void park(Connection& connection);
  void close(Connection& connection);

  [[nodiscard]] base::TimePoint start_time() const noexcept { return start_time_; }
  [[nodiscard]] base::TimePoint now() const noexcept { return now_; }
  [[nodiscard]] std::uint64_t started() const noexcept { return started_; }
  [[nodiscard]] std::uint32_t busy_count() const noexcept { return busy_; }  // neither closed nor holding
  [[nodiscard]] std::uint32_t open_count() const noexcept { return open_; }
  [[nodiscard]] bool reached() const noexcept { return reached_; }  // a connection succeeded or failed
  [[nodiscard]] bool stalled() const noexcept { return stalled_; }
  [[nodiscard]] std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }
  [[nodiscard]] std::uint64_t bytes_received() const noexcept { return bytes_received_; }
  [[nodiscard]] std::vector<Connection>& connections() noexcept { return connections_; }  // by slot
  // The current address, with one_address.
  [[nodiscard]] const base::SocketAddress& address() const { return settings_.addresses[address_]; }

 private:
  using State = Connection::State;
  static constexpr int max_events = 128;  // enough for few calls, and little delay for the last one

  [[nodiscard]] bool finished() const noexcept;
  void wait(base::TimePoint wake, const sigset_t& mask);
  [[nodiscard]] int wait_for_events(base::Duration limit, const sigset_t& mask) noexcept;
  void step(Connection& connection, std::uint32_t events);
  void connect(Connection& connection);
  [[nodiscard]] int start_connect(Connection& connection) const noexcept;
  void set_state(Connection& connection, State state);
  void set_deadline(Connection& connection, base::TimePoint deadline) noexcept;
  void restart_timeout(Connection& connection, base::TimePoint at) noexcept;
  void hold_first(Connection& connection);
  void begin_exchange(Connection& connection);
  void send(Connection& connection);
  void receive(Connection& connection);
  void compare(Connection& connection, std::size_t count);
  void watch(Connection& connection, bool writing);
  void expire();
  void fail(Connection& connection, int error);
  void fail(Connection& connection, const Fault& fault);

  const EngineSettings settings_;
  const bool checks_for_itself_;  // a socket may be connected to itself
  ConnectionHandler& handler_;
  base::UniqueFd epoll_;
  std::array<epoll_event, max_events> events_{};
  std::vector<char> buffer_;
  std::vector<Connection> connections_;
  std::vector<std::uint32_t> free_;  // slots
  base::TimePoint start_time_;
  base::TimePoint now_;
  base::TimePoint last_activity_;                      // when the server last made progress
  base::TimePoint earliest_ = base::TimePoint::max();  // lower bound of all deadlines
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
