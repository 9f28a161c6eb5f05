#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/values.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// The events of many clients that start together. Times are in seconds since the first start.
namespace tcpserver::client {

// Why a client got no correct reply.
enum class FailureKind {
  refused,        // no listener
  not_connected,  // another failure of connect: no route, no free port
  timed_out,      // no progress for --timeout, or the kernel gave up connecting
  closed,         // the server closed the connection before the sentence was sent
  reset,
  broken,    // another error of send or receive
  no_reply,  // the server closed without a reply
  short_reply,
  wrong_reply
};

struct FailureFacts {
  const char* name;              // for a row of the chart, at most failure_width long
  base::ExitStatus exit_status;  // tcpclient exits with it if this failure is the first
};
[[nodiscard]] const FailureFacts& find_facts(FailureKind kind) noexcept;
inline constexpr std::size_t failure_width = 13;

struct Failure {
  FailureKind kind;
  std::string message;  // without the number of the client
};

struct ClientRecord {
  std::uint32_t id = 0;  // from 1
  bool slow = false;     // holds its connection for the delay before it sends
  double started_s = 0;
  double connecting_s = 0;  // the last connect, to the address that answered if one did
  std::optional<double> connected_s{};
  std::optional<double> sent_s{};     // the kernel took the last byte
  std::optional<double> replied_s{};  // the last byte of a correct reply arrived
  std::optional<double> ended_s{};    // the server closed the connection, or the client failed
  std::optional<Failure> failure{};

  [[nodiscard]] bool answered() const { return ended_s && !failure; }
  // From its start to its reply. The client must have a reply.
  [[nodiscard]] double wait_s() const { return *replied_s - started_s; }
};

struct Timeline {
  std::string server{};  // "localhost:54321"
  base::Duration delay{};
  std::vector<ClientRecord> records{};
  double now_s = 0;
  bool finished = false;  // all clients have ended, or a signal stopped the run
  int signal = 0;         // SIGINT or SIGTERM that stopped the run, or 0
};

[[nodiscard]] std::size_t count_clients(const Timeline& timeline, bool (*holds)(const ClientRecord&));
[[nodiscard]] std::size_t count_slow(const Timeline& timeline);
[[nodiscard]] std::size_t count_failed(const Timeline& timeline);
// True if each client was refused or could not reach the server.
[[nodiscard]] bool none_could_connect(const Timeline& timeline);

struct Spread {
  double min;
  double median;  // for an even number, the mean of the middle two
  double max;
};
// nullopt if there are no times.
[[nodiscard]] std::optional<Spread> compute_spread(std::vector<double> times);
// The waiting times of all quick clients that got a reply.
[[nodiscard]] std::optional<Spread> quick_waits(const Timeline& timeline);

inline constexpr std::size_t max_chart_rows = 40;  // more is hard to read
inline constexpr std::size_t chart_frame = 4;      // other lines: heading, axis, rest, legend

// Draws a row per client: a bar on a common time axis ('.' while it connects, '=' while it holds its
// connection, '#' while it waits for the reply) and the time from its start to the reply. If there are more
// than `max_rows` clients (at least 1), failed clients come first (up to half of the rows), and one line
// summarizes the rest. Lines have fewer than `columns` columns. With `colours`, each phase has a colour
// (ECMA-48 SGR).
[[nodiscard]] std::vector<std::string> draw_chart(const Timeline& timeline, std::size_t columns,
                                                  std::size_t max_rows, bool colours);

// A few sentences: how long the quick clients waited, and whether they waited for the slow ones.
[[nodiscard]] std::string summarize(const Timeline& timeline);

// One JSON document with a line per client. tcpclient(1) explains the keys. Events that did not happen are
// null.
[[nodiscard]] std::string format_timeline_json(const Timeline& timeline);

}  // namespace tcpserver::client
