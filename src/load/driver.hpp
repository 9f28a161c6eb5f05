#pragma once

#include "tcpserver/load/dialler.hpp"
#include "tcpserver/load/readiness.hpp"
#include "tcpserver/load/result.hpp"
#include "tcpserver/load/script.hpp"
#include "tcpserver/load/transfer.hpp"
#include "tcpserver/posix/stop_signals.hpp"

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
  Driver(const Script& script, Transfer& transfer, Dialler& dialler, bool reset, posix::Duration timeout,
         Watcher watcher);

  // To the end, until nothing moves for the time-out, or until a signal. Never throws for what a server does:
  // that is in the result.
  [[nodiscard]] Result run();

 private:
  void loop(const posix::StopSignals& signals);
  void look(const posix::StopSignals& signals, posix::TimePoint wake);
  [[nodiscard]] posix::TimePoint next_wake() const;
  [[nodiscard]] bool over() const noexcept;

  // Starting.
  void start_some();
  [[nodiscard]] bool start_one();
  [[nodiscard]] bool may_start() const noexcept;
  [[nodiscard]] bool asking_again() const noexcept;
  [[nodiscard]] posix::TimePoint due() const;
  void open_next(posix::TimePoint began);
  void open(Connection& connection);
  void ask_next_parked();

  // A round.
  [[nodiscard]] bool begin_round(Connection& connection, posix::TimePoint began);
  void begin_next_round(Connection& connection);
  [[nodiscard]] bool send(Connection& connection);
  void want(Connection& connection, Readiness::Want what);
  void step(const Ready& ready);
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
  Dialler& dialler_;
  const bool reset_;
  const posix::Duration timeout_;
  const Watcher watcher_;

  Readiness readiness_;
  std::vector<Connection> connections_;  // by slot
  std::vector<std::uint32_t> free_;      // slots
  Result result_;
  posix::TimePoint began_;
  posix::TimePoint now_;
  posix::TimePoint heard_;  // when the server was last heard of
  posix::TimePoint next_tick_;
  posix::Duration tick_;
  std::uint64_t started_ = 0;
  std::uint32_t busy_ = 0;  // neither closed nor parked
  bool reached_ = false;    // the server has been heard of at all
  std::optional<posix::TimePoint> hold_until_;
  std::uint32_t asked_again_ = 0;  // slots below this one; with hold, after it
};

}  // namespace tcpserver::load
