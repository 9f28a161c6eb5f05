#pragma once

#include "tcpserver/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

// The command line of tcpbacklog: tcpbacklog probe|watch|size [OPTION]...
namespace tcpserver::backlog {

// More than the kernel may grant: a probe shows the limit.
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
  std::optional<std::uint64_t> count;                 // samples, 1 or more. nullopt: until a signal
  bool json = false;
};

inline constexpr std::uint64_t highest_rate = 1'000'000'000;
inline constexpr std::uint64_t largest_headroom = 1000;

struct SizeOptions {
  double rate = -1;              // mean connections per second, 0 to highest_rate; negative if not given
  std::optional<double> burst;   // connections per second, at least rate. nullopt: rate
  base::Duration accept_time{};  // above zero; zero if it is measured
  std::optional<std::uint16_t> measure;                   // port of the server whose accept time is measured
  base::Duration burst_length = std::chrono::seconds(1);  // above zero
  double headroom = 1.5;                                  // 1 to largest_headroom
  bool json = false;
};

struct BacklogCommand {
  std::variant<ProbeOptions, WatchOptions, SizeOptions> job;
  std::string text_to_show{};  // if not empty: print it on stdout and exit with 0
};

// Reads no environment variables. Throws StartError (usage) for invalid arguments.
[[nodiscard]] BacklogCommand parse_backlog_command(int argc, char* const* argv);

}  // namespace tcpserver::backlog
