#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/service.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tcpserver::load {

inline constexpr std::uint64_t max_load_connections = 1'000'000'000;
inline constexpr std::uint32_t max_concurrency = 1'000'000;

enum class LoadMode {
  connections,  // open many, exchange one message on each
  hold,         // open all, exchange a message on each, hold them, exchange another
  bulk,         // send long streams and receive them back
  ping          // many round trips on each connection
};

// JSON names, in the order of LoadMode.
inline constexpr const char* mode_names[] = {"connections", "hold", "bulk", "ping"};

struct LoadOptions {
  std::string host = "localhost";
  std::uint16_t port = 54321;  // 1 to 65535
  LoadMode mode = LoadMode::connections;
  std::uint64_t connections = 10'000;  // in total; equal to `concurrency` in the other modes
  std::uint32_t concurrency = 64;      // largest number of open connections
  std::uint64_t size = 32;             // bytes of a message, or of a bulk stream
  std::uint64_t round_trips = 1;       // of each connection, with ping
  base::Duration hold{};               // with hold
  std::uint64_t bulk = 0;              // bytes of a bulk stream, with bulk
  std::optional<double> rate{};        // connections to start per second; nullopt: as fast as replies arrive
  base::Service service = base::services[0];
  bool reset = false;         // close with RST
  std::uint32_t sources = 0;  // connect from 127.0.0.1 to 127.0.0.`sources`; 0: the system chooses
  base::Duration timeout = std::chrono::seconds(10);
  bool json = false;
};

struct LoadCommand {
  LoadOptions options;
  std::string text_to_show;  // if not empty: print it on stdout and exit with 0
};

// Reads argv: [OPTION]... [HOST[:PORT] | HOST PORT]. Reads no variables. Throws StartError (usage).
[[nodiscard]] LoadCommand parse_load_command(int argc, char* const* argv);

// Runs tcpload and prints the report. After SIGINT or SIGTERM it reports the results so far and dies of that
// signal. Throws StartError: the first connection error (with the status of error_kinds), or a failed
// resolve, unsuitable --sources (usage), too few descriptors (system), no standard output (io_error).
[[nodiscard]] base::ExitStatus run_load(const LoadOptions& options);

}  // namespace tcpserver::load
