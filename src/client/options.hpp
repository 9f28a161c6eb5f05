#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/service.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tcpserver::client {

// An address has 28232 ports for connections to one server, and each stays in use for a minute after its end
// (ip_local_port_range, ip(7); TIME_WAIT).
inline constexpr std::uint32_t most_clients = 10'000;

struct ClientOptions {
  std::string host = "localhost";
  std::uint16_t port = 54321;             // 1 to 65535
  bool ask_first = false;                 // ask (or wait for input) before connecting
  std::optional<std::string> message;     // nothing: ask on a terminal, else stream standard input
  base::Duration delay{};                 // held between connecting and sending; of a crowd, by the slow ones
  std::optional<base::Duration> timeout;  // longest wait for the network; nothing: for ever

  std::uint32_t clients = 0;  // at once, up to most_clients; 0: one client that talks with the user
  std::optional<std::uint32_t>
      slow;  // how many of the clients hold for the delay; with clients never nothing
  std::optional<base::Service> service;  // what the replies are compared with; nothing: echo
  bool json = false;                     // the timeline as data
};

struct ClientCommand {
  ClientOptions options;
  std::string text_to_show;  // not empty: print it on stdout and end with 0
};

// Reads argv: [OPTION]... [HOST [PORT]]. No variables. Throws StartError (usage) for what is not allowed.
[[nodiscard]] ClientCommand parse_client_command(int argc, char* const* argv);

}  // namespace tcpserver::client
