#include "load/driver.hpp"

#include "tcpserver/base/values.hpp"
#include "tcpserver/client/connect_error.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace tcpserver::load {

namespace {

using base::Clock;
using base::SocketAddress;
using base::TimePoint;
using client::Fault;

static_assert(CLOCKS_PER_SEC == 1'000'000);  // clock(3)

constexpr auto tick_interval = std::chrono::milliseconds(100);

// Limits the starts per wait, so that connections that fail at once do not delay the others.
constexpr int max_starts_per_wait = 64;

// Larger pieces save system calls, but must fit into the processor's cache.
constexpr std::uint64_t max_piece_size = 256 * 1024;

// With --hold, all connections that are being opened must fit into a short listen queue.
constexpr std::uint32_t max_busy_with_hold = 64;

std::size_t find_piece_size(const LoadOptions& options) {
  return static_cast<std::size_t>(std::min(options.size, max_piece_size));
}

client::EngineSettings make_settings(const LoadOptions& options, std::vector<SocketAddress> addresses) {
  std::vector<SocketAddress> sources;
  for (std::uint32_t i = 1; i <= options.sources; ++i) {
    sources.push_back(*SocketAddress::parse("127.0.0." + std::to_string(i), 0));
  }
  if (options.sources > 0) {
    // These sources reach only 127.0.0.0/8 (RFC 1122, section 3.2.1.3). localhost also has an IPv6 address.
    const std::string first = addresses.front().host_text();
    std::erase_if(addresses, [](const SocketAddress& address) {
      return address.family() != AF_INET || address.bytes().front() != 127;
    });
    if (addresses.empty()) {
      throw base::StartError(
          base::ExitStatus::usage,
          "--sources: " + first + " is not a loopback address (127.0.0.0/8); connect to 127.0.0.1");
    }
  }
  return {.addresses = std::move(addresses),
          .sources = std::move(sources),
          .one_address = true,
          .connections = options.connections,
          .open = options.concurrency,
          .buffer = find_piece_size(options),
          .half_close = options.mode == LoadMode::bulk,
          .reset = options.reset,
          .timeout = options.timeout,
          .stop_when_silent = true,
          .tick = tick_interval};
}

}  // namespace

Driver::Driver(const LoadOptions& options, std::vector<SocketAddress> addresses, Watcher watcher)
    : options_(options),
      holds_(options.mode == LoadMode::hold),
      max_busy_(holds_ ? std::min(options.concurrency, max_busy_with_hold) : options.concurrency),
      watcher_(std::move(watcher)),
      pattern_(options.service.verb, find_piece_size(options) + 1),
      engine_(make_settings(options, std::move(addresses)), *this) {}

Result Driver::run() {
  const auto used_before = std::clock();
  result_.signal = engine_.run();
  result_.started = engine_.started();
  result_.stalled = engine_.stalled();
  // If the run stalled, the held connections end here.
  (result_.stalled ? result_.connections : result_.unfinished) += engine_.open_count();
  for (auto& connection : engine_.connections()) connection.fd.reset();
  result_.duration = Clock::now() - engine_.start_time();
  result_.processor_time = std::chrono::microseconds(std::clock() - used_before);
  result_.bytes_sent = engine_.bytes_sent();
  result_.bytes_received = engine_.bytes_received();
  result_.server = engine_.address().text();
  return std::move(result_);
}

TimePoint Driver::open_due() {
  begin_hold_if_all_are_open();
  for (int i = 0; i < max_starts_per_wait; ++i) {
    if (!may_start()) return hold_until_ && !is_second_exchange_due() ? *hold_until_ : TimePoint::max();
    if (is_second_exchange_due()) {
      auto& connection = engine_.connections()[exchanged_again_++];
      if (connection.state == Connection::State::holding) engine_.begin_round(connection, Clock::now());
      continue;
    }
    const auto now = Clock::now();
    auto due = now;
    if (options_.rate) {
      const std::chrono::duration<double> since_start(static_cast<double>(engine_.started()) /
                                                      *options_.rate);
      due = engine_.start_time() + std::chrono::duration_cast<base::Duration>(since_start);
    }
    if (due > now) return due;
    engine_.open(options_.size, due, false);
  }
  return engine_.now();
}

bool Driver::may_start() const {
  // The first connection tries the server's addresses in turn; the others wait for its result.
  if (engine_.busy_count() >= (engine_.reached() ? max_busy_ : 1)) return false;
  if (engine_.started() < options_.connections) return engine_.can_open();
  return is_second_exchange_due() && exchanged_again_ < options_.concurrency;
}

void Driver::begin_hold_if_all_are_open() {
  if (!holds_ || hold_until_ || engine_.started() < options_.connections) return;
  if (engine_.busy_count() > 0 || engine_.open_count() == 0) return;
  result_.holding = true;
  watcher_(result_);
  hold_until_ = Clock::now() + options_.hold;
}

void Driver::on_tick() {
  result_.bytes_received = engine_.bytes_received();
  watcher_(result_);
}

void Driver::on_reply(Connection& connection) {
  ++result_.rounds;
  if (connection.round == 0) ++result_.answered;
  if (options_.mode == LoadMode::bulk) return;
  if (!holds_ || connection.round == 0) result_.latencies.record(engine_.now() - connection.start_time);
  if (holds_ && connection.round == 0) {
    engine_.park(connection);
    ++result_.held;
    result_.opened_after = engine_.now() - engine_.start_time();
  } else if (holds_ || connection.round + 1 == options_.round_trips) {
    ++result_.connections;
    engine_.close(connection);
  } else {
    engine_.begin_round(connection, Clock::now());
  }
}

void Driver::on_failed(const Connection& connection, const Fault& fault) {
  ++result_.connections;
  const auto [kind, message] = explain(connection, fault);
  const auto& facts = error_kinds[static_cast<std::size_t>(kind)];
  ++result_.errors_by_kind[static_cast<std::size_t>(kind)];
  const bool answered = connection.round > 0 || connection.received == connection.size;
  if (!answered && kind != ErrorKind::timed_out) ++result_.failed;
  if (!result_.first_error) {
    const bool unreachable = kind == ErrorKind::other && connection.state == Connection::State::connecting;
    // The number of the connection is useless if no connection was ever established.
    const std::string which =
        engine_.bytes_sent() == 0 ? "" : "connection " + std::to_string(connection.number) + ": ";
    result_.first_error.emplace(unreachable ? base::ExitStatus::unavailable : facts.exit_status,
                                which + message);
  }
  if (holds_ && (connection.round > 0 || connection.state == Connection::State::holding)) --result_.held;
}

Driver::Explanation Driver::explain(const Connection& connection, const Fault& fault) const {
  switch (fault.kind) {
    case Fault::Kind::timed_out:
      return {ErrorKind::timed_out, explain_timeout(connection)};
    case Fault::Kind::closed:
      if (connection.state == Connection::State::holding) {
        return {ErrorKind::closed_early,
                "the server closed the connection while it was held (idle timeout?)"};
      }
      return {ErrorKind::closed_early, "the server closed the connection after " +
                                           std::to_string(connection.received) + " of " +
                                           std::to_string(options_.size) + " bytes"};
    case Fault::Kind::wrong_bytes:
      return explain_wrong_bytes(connection, fault);
    case Fault::Kind::error:
      break;
  }
  return explain_error(connection, fault.error);
}

std::string Driver::explain_timeout(const Connection& connection) const {
  const std::string limit = base::format_duration(options_.timeout);
  if (connection.state == Connection::State::connecting) {
    return "timed out: cannot connect to " + engine_.address().text() + " within " + limit + " (" +
           client::explain_connect_error(engine_.address(), ETIMEDOUT).advice + ")";
  }
  if (connection.received > 0) {
    return "timed out: no progress for " + limit + " after " + std::to_string(connection.received) + " of " +
           std::to_string(options_.size) + " bytes";
  }
  const std::string text = "timed out: no reply for " + limit;
  if (connection.round > 0) return text;
  // The kernel accepts connections into the listen queue while the server is at its limit.
  return text + "; connected, but the server does not answer (connection limit reached?)";
}

Driver::Explanation Driver::explain_wrong_bytes(const Connection& connection, const Fault& fault) const {
  const std::string at = std::to_string(fault.at + 1);
  if (fault.too_long) return {ErrorKind::wrong_bytes, "reply too long: unexpected bytes from byte " + at};
  const auto sent = bytes_to_send(connection, connection.received, fault.bytes.size());
  const bool other_service = base::find_service(sent, fault.bytes.substr(0, sent.size())) != nullptr;
  return {ErrorKind::wrong_bytes, "byte " + at + " of the reply is wrong" +
                                      (other_service ? " (does the server run another --service?)" : "")};
}

Driver::Explanation Driver::explain_error(const Connection& connection, int error) const {
  const bool connecting = connection.state == Connection::State::connecting;
  const auto& server = engine_.address();
  const std::string text = base::error_text(error);
  const auto not_connected = [&] {
    return "cannot connect to " + server.text() + ": " +
           client::to_string(client::explain_connect_error(server, error));
  };
  switch (error) {
    case ECONNREFUSED:
      return {ErrorKind::refused, not_connected()};
    case ETIMEDOUT:
      return {ErrorKind::timed_out, connecting ? not_connected() : "connection lost: " + text};
    case EADDRNOTAVAIL:
    case EADDRINUSE:
      // Without a connection so far, this machine may have no address of that family.
      if (engine_.bytes_sent() == 0 && !client::lacks_local_port(server, error))
        return {ErrorKind::other, not_connected()};
      return {ErrorKind::no_port,
              "no free local port: " + text + " (--reset avoids TIME_WAIT, --sources N adds ports)"};
    case EMFILE:
    case ENFILE:
      return {ErrorKind::no_descriptor,
              "cannot open a socket: " + text + " (raise ulimit -n or lower --concurrency)"};
    case ECONNRESET:
    case EPIPE:
      return {ErrorKind::reset, "connection lost: " + text};
    default:
      return {ErrorKind::other, connecting ? not_connected() : "connection lost: " + text};
  }
}

}  // namespace tcpserver::load
