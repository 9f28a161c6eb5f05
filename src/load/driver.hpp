#pragma once

#include "tcpserver/base/stop_signals.hpp"
#include "tcpserver/client/connection_engine.hpp"

#include "load/connector.hpp"
#include "load/result.hpp"
#include "load/script.hpp"
#include "load/transfer.hpp"

#include <functional>
#include <vector>

namespace tcpserver::load {

// Plays a script: one process, one thread. What one wait finds ready counts as of that moment; so does what
// becomes ready while others are dealt with as of the next wait.
class Driver {
 public:
  struct Watcher {
    std::function<void(const Result&)> tick;     // from time to time, while connections come and go
    std::function<void(const Result&)> holding;  // all are open, and are now held
  };

  // Throws StartError (system).
  Driver(const Script& script, Transfer& transfer, Connector& connector, bool reset, base::Duration timeout,
         Watcher watcher);

  // To the end, until nothing moves for the time-out, or until a signal. Never throws for what a server does:
  // that is in the result.
  [[nodiscard]] Result run();

 private:
  void loop(const base::StopSignals& signals);
  void look(const base::StopSignals& signals, base::TimePoint wake);
  [[nodiscard]] base::TimePoint next_wake() const;
  [[nodiscard]] bool over() const noexcept;

  // Starting.
  void start_some();
  [[nodiscard]] bool start_one();
  [[nodiscard]] bool may_start() const noexcept;
  [[nodiscard]] bool asking_again() const noexcept;
  [[nodiscard]] base::TimePoint due() const;
  void open_next(base::TimePoint began);
  void open(Connection& connection);
  void ask_next_parked();

  // A round.
  [[nodiscard]] bool begin_round(Connection& connection, base::TimePoint began);
  void begin_next_round(Connection& connection);
  [[nodiscard]] bool send(Connection& connection);
  void want(Connection& connection, client::ConnectionEngine::Want what);
  void step(const client::Ready& ready);
  void send_more(Connection& connection);
  void receive(Connection& connection);
  void round_done(Connection& connection);
  void park(Connection& connection);
  void watch_hold();

  // Ending.
  void fail(Connection& connection, const Fault& fault);
  void end(Connection& connection);
  void give_up_on_silent();

  [[nodiscard]] std::uint32_t slot_of(const Connection& connection) const noexcept;

  const Script script_;
  Transfer& transfer_;
  Connector& connector_;
  const bool reset_;
  const base::Duration timeout_;
  const Watcher watcher_;

  client::ConnectionEngine engine_;
  std::vector<Connection> connections_;  // by slot
  std::vector<std::uint32_t> free_;      // slots
  Result result_;
  base::TimePoint began_;
  base::TimePoint now_;
  base::TimePoint heard_;  // when the server was last heard of
  base::TimePoint next_tick_;
  base::Duration tick_;
  std::uint64_t started_ = 0;
  std::uint32_t busy_ = 0;  // neither closed nor parked
  bool reached_ = false;    // the server has been heard of at all
  std::optional<base::TimePoint> hold_until_;
  std::uint32_t asked_again_ = 0;  // slots below this one; with hold, after it
};

}  // namespace tcpserver::load
