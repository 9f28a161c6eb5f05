#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/values.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// The events of many clients that were started together. Times are seconds since the first start.
namespace tcpserver::client {

// Why a client got no right reply.
enum class Trouble {
  refused,        // no listener
  not_connected,  // another failure of connect: no route, no free port
  timed_out,      // no progress for --timeout, or the kernel gave up connecting
  closed,         // the server closed before the sentence was sent
  reset,
  broken,    // another failure of send or receive
  no_reply,  // the server closed without sending
  short_reply,
  wrong_reply
};

struct TroubleFacts {
  const char* name;              // for a row of the chart, at most trouble_width
  base::ExitStatus exit_status;  // of tcpclient, if it is the first
};
[[nodiscard]] const TroubleFacts& facts_about(Trouble trouble) noexcept;
inline constexpr std::size_t trouble_width = 13;

struct Failure {
  Trouble trouble;
  std::string sentence;  // for a message, without the number of the client
};

struct ClientLife {
  std::uint32_t id = 0;  // from 1
  bool slow = false;     // holds its connection for the delay before it sends
  double started_s = 0;
  double dialled_s = 0;  // began to connect to the address that answered, or to the last one
  std::optional<double> connected_s{};
  std::optional<double> sent_s{};     // the kernel took the last byte
  std::optional<double> replied_s{};  // the last byte of the right reply came
  std::optional<double> ended_s{};    // the server closed, too, or the client failed
  std::optional<Failure> failure{};

  [[nodiscard]] bool answered() const { return ended_s && !failure; }
  // From its start to its reply, which it needs.
  [[nodiscard]] double wait_s() const { return *replied_s - started_s; }
};

struct Timeline {
  std::string server{};  // "localhost port 54321"
  base::Duration delay{};
  std::vector<ClientLife> lives{};
  double now_s = 0;
  bool over = false;  // all have ended, or a signal stopped the run
  int signal = 0;     // SIGINT or SIGTERM that stopped the run, or 0
};

[[nodiscard]] std::size_t count_clients(const Timeline& timeline, bool (*holds)(const ClientLife&));
[[nodiscard]] std::size_t slow_count(const Timeline& timeline);
[[nodiscard]] std::size_t failed_count(const Timeline& timeline);

struct Spread {
  double least;
  double median;  // of an even number the mean of the middle two
  double largest;
};
// nullopt without times.
[[nodiscard]] std::optional<Spread> compute_spread(std::vector<double> times);
// The waits of all quick clients that were answered.
[[nodiscard]] std::optional<Spread> quick_waits(const Timeline& timeline);

inline constexpr std::size_t most_chart_rows = 40;  // a reader takes in no more
inline constexpr std::size_t chart_frame = 4;       // other lines: heading, axis, summary, legend

// One row per client: a bar over a common time axis, '.' while it connects, '=' while it holds its
// connection, '#' while it waits for its reply, and the time from its start to the reply. If there are more
// than `most_rows` clients (at least 1), failed ones come first (up to half of the rows), and one line sums
// up the rest. The last of the `columns` stays free. With `colours`, each phase has one (ECMA-48 SGR).
[[nodiscard]] std::vector<std::string> chart(const Timeline& timeline, std::size_t columns,
                                             std::size_t most_rows, bool colours);

// How long the quick clients waited, and whether they waited for the slow ones: a few sentences in one line.
[[nodiscard]] std::string summary(const Timeline& timeline);

// One JSON document with a line per client. tcpclient(1) explains its keys. Events that did not happen are
// null.
[[nodiscard]] std::string timeline_json(const Timeline& timeline);

}  // namespace tcpserver::client
