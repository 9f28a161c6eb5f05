#include "load/driver.hpp"

#include "tcpserver/base/io.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace tcpserver::load {

namespace {

using base::Clock;
using base::TimePoint;
using client::ConnectionEngine;
using State = Connection::State;

// Between two looks at the clock for what is overdue. An eighth of the time-out, so that it is kept to a
// quarter of itself.
constexpr auto shortest_tick = std::chrono::milliseconds(5);
constexpr auto longest_tick = std::chrono::milliseconds(100);

// Before the next wait, so that connections that fail at once, or are overdue, keep nobody waiting.
constexpr int most_starts_at_once = 64;

base::Duration processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

}  // namespace

Driver::Driver(const Script& script, Transfer& transfer, Connector& connector, bool reset,
               base::Duration timeout, Watcher watcher)
    : script_(script),
      transfer_(transfer),
      connector_(connector),
      reset_(reset),
      timeout_(timeout),
      watcher_(std::move(watcher)),
      connections_(script.open),
      tick_(std::clamp<base::Duration>(timeout / 8, shortest_tick, longest_tick)) {
  free_.reserve(script.open);
  for (std::uint32_t slot = script.open; slot > 0; --slot) free_.push_back(slot - 1);
}

Result Driver::run() {
  const auto used_before = processor_time();
  const base::StopSignals signals;
  began_ = now_ = heard_ = Clock::now();
  next_tick_ = began_ + tick_;
  loop(signals);
  signals.hear();  // what is pending is fatal once it means again what it meant before
  result_.signal = signals.heard();
  for (auto& connection : connections_) {
    if (connection.state == State::closed) continue;
    ++result_.unfinished;
    connection.fd.reset();
  }
  result_.duration = Clock::now() - began_;
  result_.processor_time = processor_time() - used_before;
  result_.bytes_sent = transfer_.bytes_sent();
  result_.bytes_received = transfer_.bytes_received();
  result_.server = connector_.address().text();
  return std::move(result_);
}

void Driver::loop(const base::StopSignals& signals) {
  while (!over() && signals.heard() == 0) {
    start_some();
    look(signals, next_wake());
    watch_hold();
    if (now_ < next_tick_) continue;
    next_tick_ = now_ + tick_;
    signals.hear();
    give_up_on_silent();
    result_.bytes_received = transfer_.bytes_received();
    watcher_.tick(result_);
  }
}

void Driver::look(const base::StopSignals& signals, TimePoint wake) {
  const auto& ready = engine_.wait(*base::time_left(wake), signals.mask_outside());
  now_ = Clock::now();
  for (const auto& one : ready) {
    step(one);
    start_some();
  }
}

TimePoint Driver::next_wake() const {
  if (over()) return now_;
  TimePoint wake = next_tick_;
  if (hold_until_ && !asking_again()) wake = std::min(wake, *hold_until_);
  if (may_start()) wake = std::min(wake, due());
  return wake;
}

bool Driver::over() const noexcept {
  return result_.stalled || result_.connections == script_.connections;
}

// As many as there is room for, and a few at most.
void Driver::start_some() {
  for (int i = 0; i < most_starts_at_once && start_one(); ++i) {
  }
}

bool Driver::start_one() {
  if (!may_start()) return false;
  if (asking_again()) {
    ask_next_parked();
    return true;
  }
  const auto now = Clock::now();
  if (script_.interval && due() > now) return false;
  open_next(script_.interval ? due() : now);
  return true;
}

bool Driver::may_start() const noexcept {
  // Of several addresses of the server only one is meant: until one answers, one connection tries them.
  if (busy_ >= (reached_ ? script_.busy : 1)) return false;
  if (started_ < script_.connections) return !free_.empty();
  return asking_again() && asked_again_ < connections_.size();
}

bool Driver::asking_again() const noexcept {
  return hold_until_ && now_ >= *hold_until_;
}

// When the next connection is to start.
TimePoint Driver::due() const {
  return script_.interval ? began_ + *script_.interval * static_cast<std::int64_t>(started_) : now_;
}

void Driver::open_next(TimePoint began) {
  auto& connection = connections_[free_.back()];
  free_.pop_back();
  connection.number = ++started_;
  connection.round = 0;
  ++busy_;
  connection.began = began;
  open(connection);
}

// To the address that is its turn.
void Driver::open(Connection& connection) {
  connection.state = State::exchanging;
  if (const auto fault = connector_.connect(connection)) return fail(connection, *fault);
  if (!begin_round(connection, connection.began)) return;
  const auto want = connection.sent < transfer_.size() ? ConnectionEngine::Want::read_and_write
                                                       : ConnectionEngine::Want::read;
  if (!engine_.watch(connection.fd.get(), slot_of(connection), want)) {
    fail(connection, {.kind = ErrorKind::other, .error = errno});
  }
}

// On loopback the connection is established when connect returns, so the bytes need not wait for a look.
// False: it failed.
bool Driver::begin_round(Connection& connection, TimePoint began) {
  connection.state = State::exchanging;
  connection.sent = 0;
  connection.received = 0;
  connection.began = began;
  connection.moved = std::max(began, now_);
  return send(connection);
}

void Driver::begin_next_round(Connection& connection) {
  ++connection.round;
  if (!begin_round(connection, Clock::now()) || connection.sent == transfer_.size()) return;
  want(connection, ConnectionEngine::Want::read_and_write);
}

void Driver::ask_next_parked() {
  auto& connection = connections_[asked_again_++];
  if (connection.state != State::parked) return;
  ++busy_;
  begin_next_round(connection);
}

// False: it failed.
bool Driver::send(Connection& connection) {
  if (const auto fault = transfer_.send(connection)) {
    fail(connection, *fault);
    return false;
  }
  reached_ = reached_ || connection.sent > 0;
  if (script_.until_end && connection.sent == transfer_.size()) {
    ::shutdown(connection.fd.get(), SHUT_WR);  // ENOTCONN: the reset shows in the next read
  }
  return true;
}

void Driver::want(Connection& connection, ConnectionEngine::Want what) {
  if (!engine_.change(connection.fd.get(), slot_of(connection), what)) {
    fail(connection, {.kind = ErrorKind::other, .error = errno});
  }
}

void Driver::step(const client::Ready& ready) {
  auto& connection = connections_[ready.slot];
  if (connection.state == State::exchanging && ready.writable && connection.sent < transfer_.size()) {
    send_more(connection);
  }
  if (connection.state != State::closed && ready.readable) receive(connection);
}

void Driver::send_more(Connection& connection) {
  const auto before = connection.sent;
  if (!send(connection) || connection.sent == before) return;
  connection.moved = now_;
  if (before > 0) heard_ = now_;  // somebody makes room
  if (connection.sent == transfer_.size()) want(connection, ConnectionEngine::Want::read);
}

void Driver::receive(Connection& connection) {
  const auto before = connection.received;
  const auto [fault, at_end] = transfer_.receive(connection);
  if (fault) return fail(connection, *fault);
  if (at_end && connection.state == State::ending) return end(connection);
  if (at_end) return fail(connection, {.kind = ErrorKind::closed_early, .at = connection.received});
  if (connection.received == before) return;
  connection.moved = heard_ = now_;
  if (connection.received == transfer_.size()) round_done(connection);
}

void Driver::round_done(Connection& connection) {
  ++result_.rounds;
  const bool first_of_hold = script_.hold && connection.round == 0;
  if (script_.timed && (!script_.hold || first_of_hold)) result_.latencies.record(now_ - connection.began);
  if (script_.until_end) {
    connection.state = State::ending;
  } else if (first_of_hold) {
    park(connection);
  } else if (connection.round + 1 == script_.rounds) {
    end(connection);
  } else {
    begin_next_round(connection);
  }
}

void Driver::park(Connection& connection) {
  connection.state = State::parked;
  --busy_;
  ++result_.held;
}

// Once all are open, or have failed, the time of the hold begins.
void Driver::watch_hold() {
  if (!script_.hold || hold_until_ || started_ < script_.connections || busy_ > 0 || over()) return;
  result_.opened_after = now_ - began_;
  watcher_.holding(result_);
  hold_until_ = Clock::now() + *script_.hold;
}

void Driver::fail(Connection& connection, const Fault& fault) {
  if (fault.kind != ErrorKind::timed_out) heard_ = now_;
  if (!reached_ && connector_.has_next()) {
    connection.fd.reset();
    connector_.take_next();
    heard_ = now_;
    return open(connection);
  }
  reached_ = true;
  ++result_.errors_by_kind[index_of(fault.kind)];
  if (!result_.first_error) {
    const Story story{.server = connector_.address().text(), .size = transfer_.size(), .timeout = timeout_};
    result_.first_error = FirstError{.kind = fault.kind, .sentence = sentence_of(fault, connection, story)};
  }
  if (script_.hold && (connection.round > 0 || connection.state == State::parked)) --result_.held;
  end(connection);
}

void Driver::end(Connection& connection) {
  const auto slot = slot_of(connection);
  if (connection.state != State::parked) --busy_;
  connection.state = State::closed;
  if (reset_ && connection.fd) {
    base::close_with_reset(std::move(connection.fd));
  } else {
    connection.fd.reset();
  }
  free_.push_back(slot);
  ++result_.connections;
}

void Driver::give_up_on_silent() {
  if (busy_ == 0) {
    heard_ = now_;
    return;
  }
  const bool silent_at_all = now_ - heard_ >= timeout_ && (reached_ || !connector_.has_next());
  for (auto& connection : connections_) {
    const bool waits = connection.state == State::exchanging || connection.state == State::ending;
    const bool open = waits || connection.state == State::parked;
    if (silent_at_all ? open : waits && now_ - connection.moved >= timeout_) {
      fail(connection, {.kind = ErrorKind::timed_out});
    }
  }
  result_.stalled = silent_at_all && result_.connections < script_.connections;
}

std::uint32_t Driver::slot_of(const Connection& connection) const noexcept {
  return static_cast<std::uint32_t>(&connection - connections_.data());
}

}  // namespace tcpserver::load
