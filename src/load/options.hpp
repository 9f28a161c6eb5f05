#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/service.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tcpserver::load {

inline constexpr std::uint64_t most_load_connections = 1'000'000'000;
inline constexpr std::uint32_t most_at_a_time = 1'000'000;
inline constexpr std::uint64_t largest_message = std::uint64_t{1} << 30;  // 1G
inline constexpr std::uint64_t largest_bulk = std::uint64_t{1} << 40;     // 1024G
inline constexpr std::uint64_t most_round_trips = 1'000'000'000;
inline constexpr std::uint32_t most_sources = 254;
inline constexpr std::uint64_t highest_start_rate = 1'000'000;

enum class LoadMode {
  connections,  // connect, ask once, close; again and again
  hold,         // open all, keep them open for a while, ask each again
  bulk,         // long streams there and back
  ping          // many round trips on each connection
};

// By LoadMode, as JSON has them.
inline constexpr const char* mode_names[] = {"connections", "hold", "bulk", "ping"};

struct LoadOptions {
  std::string host = "localhost";
  std::uint16_t port = 54321;  // 1 to 65535
  LoadMode mode = LoadMode::connections;
  std::uint64_t connections = 10'000;  // in all; of the other modes as many as at a time
  std::uint32_t concurrency = 64;      // at a time
  std::uint64_t size = 32;             // bytes of a message, or of a bulk stream
  std::uint64_t round_trips = 1;       // of each connection, with ping
  base::Duration hold{};               // with hold
  std::uint64_t bulk = 0;              // bytes of a bulk stream, with bulk
  std::optional<double> rate{};        // connections to start in a second; nullopt: as answers come
  base::Service service = base::services[0];
  bool reset = false;         // close by RST
  std::uint32_t sources = 0;  // 127.0.0.1 to 127.0.0.so many; 0: as the system chooses
  base::Duration timeout = std::chrono::seconds(10);
  bool json = false;
};

struct LoadCommand {
  LoadOptions options;
  std::string text_to_show;  // not empty: print it on stdout and end with 0
};

// Reads argv: [OPTION]... [HOST [PORT]]. No variables. Throws StartError (usage) for what is not allowed.
[[nodiscard]] LoadCommand parse_load_command(int argc, char* const* argv);

}  // namespace tcpserver::load
