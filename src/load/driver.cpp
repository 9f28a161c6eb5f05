#include "load/driver.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace tcpserver::load {

namespace {

using base::Clock;
using base::ExitStatus;
using base::SocketAddress;
using base::TimePoint;
using client::Fault;

constexpr auto tick_interval = std::chrono::milliseconds(100);

// Before the next wait, so that connections that fail at once, or are overdue, keep nobody waiting.
constexpr int most_starts_at_once = 64;

// Few system calls for a long stream, and pieces that the processor's cache holds all the same.
constexpr std::uint64_t largest_piece = 256 * 1024;

// Of many that are to be held open no more are under way than a short listen queue has room for.
constexpr std::uint32_t most_busy_with_hold = 64;

std::size_t find_piece_size(const LoadOptions& options) {
  return static_cast<std::size_t>(std::min(options.size, largest_piece));
}

base::Duration processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// 127.0.0.0/8: each of its addresses is this machine's (RFC 1122, section 3.2.1.3).
bool is_loopback_v4(const SocketAddress& address) {
  return address.family() == AF_INET && address.bytes().front() == 127;
}

client::EngineSettings make_settings(const LoadOptions& options, const Script& script,
                                     std::vector<SocketAddress> addresses) {
  auto sources = make_sources(addresses, options.sources);
  return {.addresses = std::move(addresses),
          .sources = std::move(sources),
          .one_address = true,
          .connections = script.connections,
          .open = script.open,
          .buffer = find_piece_size(options),
          .half_close = script.until_end,
          .reset = options.reset,
          .timeout = options.timeout,
          .stop_when_silent = true,
          .tick = tick_interval};
}

}  // namespace

Script make_script(const LoadOptions& options) {
  const bool hold = options.mode == LoadMode::hold;
  Script script{.connections = options.connections,
                .open = options.concurrency,
                .busy = hold ? std::min(options.concurrency, most_busy_with_hold) : options.concurrency,
                .size = options.size,
                .rounds = hold ? 2 : options.round_trips,
                .until_end = options.mode == LoadMode::bulk,
                .hold = std::nullopt,
                .interval = std::nullopt,
                .timed = options.mode != LoadMode::bulk};
  if (hold) script.hold = options.hold;
  if (options.rate) {
    const std::chrono::duration<double> seconds(1 / *options.rate);
    script.interval = std::chrono::duration_cast<base::Duration>(seconds);
  }
  return script;
}

std::vector<SocketAddress> make_sources(std::vector<SocketAddress>& addresses, std::uint32_t sources) {
  std::vector<SocketAddress> made;
  if (sources == 0) return made;
  const std::string first = addresses.front().host_text();
  // A name such as localhost has an IPv6 address beside.
  std::erase_if(addresses, [](const SocketAddress& address) { return !is_loopback_v4(address); });
  if (addresses.empty()) {
    throw base::StartError(
        ExitStatus::usage,
        "--sources: " + first + " is not in 127.0.0.0/8, the loopback addresses of which it takes several");
  }
  for (std::uint32_t i = 1; i <= sources; ++i) {
    made.push_back(*SocketAddress::parse("127.0.0." + std::to_string(i), 0));
  }
  return made;
}

Driver::Driver(const LoadOptions& options, std::vector<SocketAddress> addresses, Watcher watcher)
    : options_(options),
      script_(make_script(options)),
      watcher_(std::move(watcher)),
      pattern_(options.service.verb, find_piece_size(options) + 1),
      engine_(make_settings(options, script_, std::move(addresses)), *this) {}

Result Driver::run() {
  const auto used_before = processor_time();
  result_.signal = engine_.run();
  result_.unfinished = engine_.still_open();
  for (auto& connection : engine_.connections()) connection.fd.reset();
  result_.duration = Clock::now() - engine_.began();
  result_.processor_time = processor_time() - used_before;
  result_.bytes_sent = engine_.bytes_sent();
  result_.bytes_received = engine_.bytes_received();
  result_.stalled = engine_.stalled();
  result_.server = engine_.address().text();
  return std::move(result_);
}

std::string_view Driver::bytes_to_send(const Connection& connection, std::uint64_t offset,
                                       std::size_t size) const {
  return pattern_.sent(Pattern::place_of(connection.number, connection.round) + offset, size);
}

std::string_view Driver::bytes_expected(const Connection& connection, std::uint64_t offset,
                                        std::size_t size) const {
  return pattern_.expected(Pattern::place_of(connection.number, connection.round) + offset, size);
}

// As many as there is room for, and a few at most.
TimePoint Driver::start_more() {
  watch_hold();
  for (int i = 0; i < most_starts_at_once && may_start(); ++i) {
    if (asking_again()) {
      ask_next_parked();
      continue;
    }
    const auto now = Clock::now();
    const auto due = script_.interval
                         ? engine_.began() + *script_.interval * static_cast<std::int64_t>(engine_.started())
                         : now;
    if (due > now) return due;
    engine_.open(script_.size, due, false);
  }
  if (may_start()) return engine_.now();
  return hold_until_ && !asking_again() ? *hold_until_ : TimePoint::max();
}

bool Driver::may_start() {
  // Of several addresses of the server only one is meant: until one answers, one connection tries them.
  if (engine_.busy() >= (engine_.reached() ? script_.busy : 1)) return false;
  if (engine_.started() < script_.connections) return engine_.has_room();
  return asking_again() && asked_again_ < engine_.connections().size();
}

bool Driver::asking_again() const noexcept {
  return hold_until_ && engine_.now() >= *hold_until_;
}

void Driver::ask_next_parked() {
  auto& connection = engine_.connections()[asked_again_++];
  if (connection.state == Connection::State::holding) engine_.begin_round(connection, Clock::now());
}

// Once all are open, or have failed, the time of the hold begins.
void Driver::watch_hold() {
  if (!script_.hold || hold_until_ || engine_.started() < script_.connections) return;
  if (engine_.busy() > 0 || engine_.still_open() == 0) return;
  result_.opened_after = engine_.now() - engine_.began();
  watcher_.holding(result_);
  hold_until_ = Clock::now() + *script_.hold;
}

void Driver::on_tick() {
  result_.bytes_received = engine_.bytes_received();
  watcher_.tick(result_);
}

void Driver::on_reply(Connection& connection) {
  ++result_.rounds;
  const bool first_of_hold = script_.hold && connection.round == 0;
  if (script_.timed && (!script_.hold || first_of_hold)) {
    result_.latencies.record(engine_.now() - connection.began);
  }
  if (script_.until_end) return;
  if (first_of_hold) {
    engine_.park(connection);
    ++result_.held;
  } else if (connection.round + 1 == script_.rounds) {
    ++result_.connections;
    engine_.close(connection);
  } else {
    engine_.begin_round(connection, Clock::now());
  }
}

void Driver::on_closed(const Connection&) {
  ++result_.connections;
}

void Driver::on_failed(const Connection& connection, const Fault& fault) {
  ++result_.connections;
  const auto kind = find_kind(fault);
  ++result_.errors_by_kind[index_of(kind)];
  if (!result_.first_error) {
    result_.first_error = FirstError{
        .kind = kind,
        .sentence = "connection " + std::to_string(connection.number) + ": " + describe(connection, fault)};
  }
  if (script_.hold && (connection.round > 0 || connection.state == Connection::State::holding)) {
    --result_.held;
  }
}

ErrorKind find_kind(const Fault& fault) noexcept {
  switch (fault.kind) {
    case Fault::Kind::timed_out:
      return ErrorKind::timed_out;
    case Fault::Kind::closed:
      return ErrorKind::closed_early;
    case Fault::Kind::wrong_bytes:
      return ErrorKind::wrong_bytes;
    case Fault::Kind::error:
      break;
  }
  switch (fault.error) {
    case ECONNREFUSED:
      return ErrorKind::refused;
    case ECONNRESET:
    case EPIPE:
      return ErrorKind::reset;
    case ETIMEDOUT:
      return ErrorKind::timed_out;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
      return ErrorKind::no_port;
    case EMFILE:
    case ENFILE:
      return ErrorKind::no_descriptor;
    default:
      return ErrorKind::other;
  }
}

// In a sentence, without the connection's number.
std::string Driver::describe(const Connection& connection, const Fault& fault) const {
  const std::string error = base::error_text(fault.error);
  const std::string received = std::to_string(connection.received) + " of " + std::to_string(script_.size);
  switch (find_kind(fault)) {
    case ErrorKind::refused:
      return "cannot connect to " + engine_.address().text() + ": " + error + " (is the server running?)";
    case ErrorKind::timed_out:
      if (fault.error != 0) return "cannot connect to " + engine_.address().text() + ": " + error;
      return "timed out: nothing moved for " + base::duration_text(options_.timeout) + ", after " + received +
             " bytes had come back";
    case ErrorKind::closed_early:
      return "the server closed the connection after " + received + " bytes";
    case ErrorKind::wrong_bytes: {
      const std::string at = std::to_string(fault.at + 1);
      if (fault.surplus) return "more came back than was sent, from byte " + at + " on";
      const auto sent = bytes_to_send(connection, connection.received, fault.came.size());
      const bool other_service = base::find_service(sent, fault.came.substr(0, sent.size())) != nullptr;
      return "byte " + at + " of the reply is wrong" + (other_service ? " (is it the other --service?)" : "");
    }
    case ErrorKind::no_port:
      return "no free port to connect from: " + error +
             " (--reset leaves none in TIME_WAIT, --sources N has more of them)";
    case ErrorKind::no_descriptor:
      return "cannot open a socket: " + error + " (ulimit -n, or fewer --concurrency)";
    case ErrorKind::reset:
    case ErrorKind::other:
      break;
  }
  return "the connection broke: " + error;
}

}  // namespace tcpserver::load
