#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/service.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::client {

// One address has 28232 ports for connections to one server, and TIME_WAIT keeps each for a minute
// (ip_local_port_range, ip(7)).
inline constexpr std::uint32_t most_clients = 10'000;

struct ClientOptions {
  std::string host = "localhost";
  std::uint16_t port = 54321;             // 1 to 65535
  bool ask_first = false;                 // ask (or wait for input) before connecting
  std::optional<std::string> message;     // nullopt: ask on a terminal, else stream standard input
  base::Duration delay{};                 // between connecting and sending; with --clients of the slow ones
  std::optional<base::Duration> timeout;  // longest wait for the network; nullopt: unlimited

  std::uint32_t clients = 0;             // up to most_clients; 0: one client that talks with the user
  std::optional<std::uint32_t> slow;     // clients that hold for the delay; always set with --clients
  std::optional<base::Service> service;  // the replies to expect; nullopt: echo
  bool json = false;                     // print the timeline as JSON
};

struct ClientCommand {
  ClientOptions options;
  std::string text_to_show;  // if not empty: print it on stdout and exit with 0
};

// Reads argv: [OPTION]... [HOST [PORT]]. Reads no variables. Throws StartError (usage).
[[nodiscard]] ClientCommand parse_client_command(int argc, char* const* argv);

// Tries the addresses in order. Each gets an even share of the time that is left, so that a silent one leaves
// time for the next. Returns a connected, non-blocking socket. Throws StartError with the failure of each
// address: temp_fail (one timed out), unavailable (refused, unreachable); or system (cannot open a socket).
[[nodiscard]] base::UniqueFd connect_to_any(const std::string& host,
                                            const std::vector<base::SocketAddress>& addresses,
                                            std::optional<base::TimePoint> deadline);

// Runs tcpclient. Asks on a terminal, sends --message, or streams standard input; prints the reply. Throws
// StartError: no_host, unavailable, temp_fail, io_error (also if fewer bytes came back than were sent),
// protocol (--clients: a wrong reply).
[[nodiscard]] base::ExitStatus run_client(const ClientOptions& options);

}  // namespace tcpserver::client
