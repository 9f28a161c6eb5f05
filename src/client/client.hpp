#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/service.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/client/connect_error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tcpserver::client {

// An address has 28232 ports for connections to a server, and TIME_WAIT keeps each for a minute
// (ip_local_port_range, ip(7)).
inline constexpr std::uint32_t max_clients = 10'000;

struct ClientOptions {
  std::string host = "localhost";
  std::uint16_t port = 54321;             // 1 to 65535
  bool ask_first = false;                 // ask (or wait for input) before connecting
  std::optional<std::string> message;     // nullopt: ask on a terminal, else stream standard input
  base::Duration delay{};                 // between connecting and sending; with --clients for slow clients
  std::optional<base::Duration> timeout;  // longest wait for the network; nullopt: unlimited

  std::uint32_t clients = 0;             // up to max_clients; 0: a single interactive client
  std::optional<std::uint32_t> slow;     // clients that hold for the delay; always set with --clients
  std::optional<base::Service> service;  // the replies to expect; nullopt: echo
  bool json = false;                     // print the timeline as JSON
};

struct ClientCommand {
  ClientOptions options;
  std::string text_to_show;  // if not empty: print it on stdout and exit with 0
};

// Reads argv: [OPTION]... [HOST[:PORT] | HOST PORT]. Reads no variables. Throws StartError (usage).
[[nodiscard]] ClientCommand parse_client_command(int argc, char* const* argv);

// Tries the addresses in order. Each gets an equal share of the remaining time, so that a silent one leaves
// time for the next. Returns a connected, non-blocking socket. Throws StartError with the error of each
// address: temp_fail (one timed out), unavailable (refused, unreachable); or system (cannot open a socket).
[[nodiscard]] base::UniqueFd connect_to_any(const std::vector<base::SocketAddress>& addresses,
                                            std::optional<base::TimePoint> deadline);

// The failed connects of a client.
class ConnectErrors {
 public:
  void add(const base::SocketAddress& address, int error);
  [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }  // at least one of them
  // "cannot connect to ADDRESS: ERROR; ADDRESS: ERROR (ADVICE)". The same advice is not repeated.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::pair<std::string, ConnectFailure>> failures_;  // with their addresses
  bool timed_out_ = false;
};

// Runs tcpclient. Asks on a terminal, sends --message, or streams standard input. Prints the reply. Throws
// StartError: no_host, unavailable, temp_fail, io_error (also if the reply is shorter than what was sent),
// protocol (--clients: a wrong reply).
[[nodiscard]] base::ExitStatus run_client(const ClientOptions& options);

}  // namespace tcpserver::client
