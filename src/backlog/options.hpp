#pragma once

#include "tcpserver/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

// The command line of tcpbacklog: tcpbacklog probe|watch|size [OPTION]...
namespace tcpserver::backlog {

// May be more than any kernel grants: a probe shows what becomes of it.
inline constexpr int largest_probed_backlog = 65535;

struct ProbeOptions {
  int from = 0;  // 0 to largest_probed_backlog
  int to = 10;   // from to largest_probed_backlog
  bool json = false;
};

inline constexpr auto shortest_interval = std::chrono::milliseconds(10);

struct WatchOptions {
  std::uint16_t port = 0;                             // 1 to 65535
  base::Duration interval = std::chrono::seconds(1);  // shortest_interval or more
  std::optional<std::uint64_t> count;                 // looks, 1 or more. nullopt: until a signal
  bool json = false;
};

inline constexpr std::uint64_t highest_rate = 1'000'000'000;
inline constexpr std::uint64_t largest_headroom = 1000;

struct SizeOptions {
  double rate = -1;              // mean connections per second, 0 to highest_rate; below 0 until it is given
  std::optional<double> burst;   // per second at the peak, not below rate. nullopt: rate
  base::Duration accept_time{};  // above zero; zero: measured
  std::optional<std::uint16_t> measure;                   // port of the server whose accept time is measured
  base::Duration burst_length = std::chrono::seconds(1);  // above zero
  double headroom = 1.5;                                  // 1 to largest_headroom
  bool json = false;
};

struct BacklogCommand {
  std::variant<ProbeOptions, WatchOptions, SizeOptions> job;
  std::string text_to_show{};  // if not empty: print it on stdout and exit with 0
};

// Reads no variables. Throws StartError (usage) for what is not allowed.
[[nodiscard]] BacklogCommand parse_backlog_command(int argc, char* const* argv);

}  // namespace tcpserver::backlog
