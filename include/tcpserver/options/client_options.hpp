#pragma once

#include "tcpserver/options/option_table.hpp"
#include "tcpserver/posix/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tcpserver::options {

struct ClientOptions {
  std::string host = "localhost";
  std::uint16_t port = 54321;              // 1 to 65535
  bool ask_first = false;                  // ask (or wait for input) before connecting
  std::optional<std::string> message;      // nothing: ask on a terminal, else stream standard input
  posix::Duration delay{};                 // held between connecting and sending
  std::optional<posix::Duration> timeout;  // longest wait for the network; nothing: for ever
};

[[nodiscard]] OptionTable client_option_table(ClientOptions& target);

struct ClientCommand {
  ClientOptions options;
  std::string text_to_show;  // not empty: print it on stdout and end with 0
};

// Reads argv: [OPTION]... [HOST [PORT]]. No variables. Throws StartError (usage) for what is not allowed.
[[nodiscard]] ClientCommand parse_client_command(int argc, char* const* argv);

}  // namespace tcpserver::options
