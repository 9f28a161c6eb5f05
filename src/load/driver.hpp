#pragma once

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/client/connection_engine.hpp"

#include "load/latency_histogram.hpp"
#include "load/load.hpp"
#include "load/pattern.hpp"

#include <array>
#include <functional>
#include <numeric>
#include <utility>

namespace tcpserver::load {

// Why a connection failed.
enum class ErrorKind {
  refused,        // no listener
  reset,          // RST from the server or the network
  timed_out,      // no progress for --timeout, or the kernel gave up connecting
  closed_early,   // closed before the whole reply
  wrong_bytes,    // the reply is wrong or too long
  no_port,        // no free local port
  no_descriptor,  // the limit of the process or the system
  other
};

// The JSON name, and the exit status if the first error is of this kind. In the order of ErrorKind.
struct ErrorKindFacts {
  const char* name;
  base::ExitStatus exit_status;
};
inline constexpr std::array<ErrorKindFacts, 8> error_kinds{{
    {"refused", base::ExitStatus::unavailable},
    {"reset", base::ExitStatus::io_error},
    {"timed_out", base::ExitStatus::temp_fail},
    {"closed_early", base::ExitStatus::io_error},
    {"wrong_bytes", base::ExitStatus::protocol},
    {"no_port", base::ExitStatus::system},
    {"no_descriptor", base::ExitStatus::system},
    {"other", base::ExitStatus::io_error},
}};

// The results so far.
struct Result {
  std::string server{};           // "127.0.0.1:54321", the address in use
  std::uint64_t started = 0;      // connections
  std::uint64_t answered = 0;     // connections that got a correct reply
  std::uint64_t failed = 0;       // connections that failed before it, other than by a timeout
  std::uint64_t connections = 0;  // ended, including failures
  std::array<std::uint64_t, error_kinds.size()> errors_by_kind{};
  std::optional<base::StartError> first_error{};
  std::uint64_t rounds = 0;      // correct replies
  std::uint64_t held = 0;        // with hold: answered connections that are still open
  std::uint64_t unfinished = 0;  // open when a signal stopped the run; no errors
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  base::Duration duration{};                     // from the first connect to the last close
  std::optional<base::Duration> opened_after{};  // with hold: until the last connection was answered
  base::Duration processor_time{};               // user and system time of this process
  LatencyHistogram latencies{};
  bool holding = false;  // with hold: all connections are open
  bool stalled = false;  // the run ended because the server was silent for --timeout
  int signal = 0;        // SIGINT or SIGTERM that stopped the run, or 0

  // Connections without a reply: timed out, or still open at the end.
  [[nodiscard]] std::uint64_t unanswered() const noexcept { return started - answered - failed; }

  [[nodiscard]] std::uint64_t errors() const noexcept {
    return std::accumulate(errors_by_kind.begin(), errors_by_kind.end(), std::uint64_t{0});
  }
};

// Runs a load on the connection engine and counts the results.
class Driver final : private client::ConnectionHandler {
 public:
  // Called several times per second, and when all connections of --hold are open.
  using Watcher = std::function<void(const Result&)>;

  // `addresses` are the server's. --sources uses only those in 127.0.0.0/8. Throws StartError: system, or
  // usage if none is left.
  Driver(const LoadOptions& options, std::vector<base::SocketAddress> addresses, Watcher watcher);

  // Runs to the end, until the server is silent for --timeout, or until a signal. Never throws for what a
  // server does.
  [[nodiscard]] Result run();

 private:
  using Connection = client::Connection;

  std::string_view bytes_to_send(const Connection& connection, std::uint64_t offset,
                                 std::size_t size) const override {
    return pattern_.sent(Pattern::place(connection.number, connection.round) + offset, size);
  }
  std::string_view bytes_expected(const Connection& connection, std::uint64_t offset,
                                  std::size_t size) const override {
    return pattern_.expected(Pattern::place(connection.number, connection.round) + offset, size);
  }
  base::TimePoint open_due() override;
  void on_tick() override;
  void on_reply(Connection& connection) override;
  void on_failed(const Connection& connection, const client::Fault& fault) override;
  void on_closed(const Connection&) override { ++result_.connections; }

  [[nodiscard]] bool may_start() const;
  [[nodiscard]] bool is_second_exchange_due() const { return hold_until_ && engine_.now() >= *hold_until_; }
  void begin_hold_if_all_are_open();
  struct Explanation {
    ErrorKind kind;
    std::string message;
  };
  [[nodiscard]] Explanation explain(const Connection& connection, const client::Fault& fault) const;
  [[nodiscard]] std::string explain_timeout(const Connection& connection) const;
  [[nodiscard]] Explanation explain_wrong_bytes(const Connection& connection,
                                                const client::Fault& fault) const;
  [[nodiscard]] Explanation explain_error(const Connection& connection, int error) const;

  const LoadOptions& options_;
  const bool holds_;
  const std::uint32_t max_busy_;  // connections that connect or wait for a reply
  const Watcher watcher_;
  Pattern pattern_;
  client::ConnectionEngine engine_;
  Result result_;
  std::optional<base::TimePoint> hold_until_;
  std::uint32_t exchanged_again_ = 0;  // after the hold: slots that have had their turn
};

}  // namespace tcpserver::load
