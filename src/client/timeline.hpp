#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/values.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What happened when to many clients that were started together. Times are seconds since the first started.
namespace tcpserver::client {

// Why a client got no right reply.
enum class Trouble {
  refused,        // nobody listens there
  not_connected,  // another failure of connect: no route, no free port
  timed_out,      // --timeout, or the system's patience with a connect
  closed,         // the server closed before the sentence was sent
  reset,
  broken,    // another failure of send or receive
  no_reply,  // the server closed, and had sent nothing
  short_reply,
  wrong_reply
};

struct TroubleFacts {
  const char* name;              // fits into a row of the chart, trouble_width at most
  base::ExitStatus exit_status;  // of a single client with this trouble
};
[[nodiscard]] const TroubleFacts& facts_about(Trouble trouble) noexcept;
inline constexpr std::size_t trouble_width = 13;

struct Failure {
  Trouble trouble;
  std::string sentence;  // the whole story, without the client's number
};

struct ClientLife {
  std::uint32_t id = 0;  // 1 for the first
  bool slow = false;     // holds its connection for the delay before it sends
  double started_s = 0;
  double dialled_s = 0;  // began to connect to the address that answered, or to the last one
  std::optional<double> connected_s{};
  std::optional<double> sent_s{};     // the last byte was given to the kernel
  std::optional<double> replied_s{};  // the last byte of the right reply came
  std::optional<double> ended_s{};    // the server closed too, or it failed
  std::optional<Failure> failure{};

  [[nodiscard]] bool answered() const { return ended_s && !failure; }
  // From its start to its reply. It must have one.
  [[nodiscard]] double wait_s() const { return *replied_s - started_s; }
};

struct Timeline {
  std::string server{};  // "localhost port 54321"
  base::Duration delay{};
  std::vector<ClientLife> lives{};
  double now_s = 0;
  bool over = false;  // nothing more will happen: all have ended, or somebody stopped the run
};

// How many of the clients are slow.
[[nodiscard]] std::size_t count_clients(const Timeline& timeline, bool (*holds)(const ClientLife&));
[[nodiscard]] std::size_t slow_count(const Timeline& timeline);

// Least, median (of an even number the mean of the two in the middle) and largest of some times.
struct Spread {
  double least;
  double median;
  double largest;
};

// Of the given times; nothing where there are none.
[[nodiscard]] std::optional<Spread> compute_spread(std::vector<double> times);

// Of the waits of all quick clients that were answered.
[[nodiscard]] std::optional<Spread> quick_waits(const Timeline& timeline);

using base::time_text;

struct ChartSize {
  std::size_t columns;    // of the terminal; the last one stays free
  std::size_t most_rows;  // of clients; at least 1
};

// No more rows than a reader takes in.
inline constexpr std::size_t most_chart_rows = 40;

// Lines of a chart beside the rows: heading, axis, summary, legend.
inline constexpr std::size_t chart_frame = 4;

// One row per client: a bar over a common axis of time, '.' while it was connecting, '=' while it held its
// connection, '#' while it waited for its reply, and how long after its start the reply came. Of more clients
// than rows those that failed are preferred (up to half of the rows), then the first; the rest are summed up
// in a line. With `colours`, each phase has one (ECMA-48 SGR).
[[nodiscard]] std::vector<std::string> chart(const Timeline& timeline, ChartSize size, bool colours);

// What the chart shows, in figures: how long the quick clients waited, and whether they waited for the slow
// ones. A few sentences, in one line.
[[nodiscard]] std::string summary(const Timeline& timeline);

// One document, a line for each client: {"clients": [{"id": 1, "slow": true, "started_s": 0.000041,
// "connected_s": ..., "sent_s": ..., "replied_s": ..., "ok": true, "error": null}, ...], "slow": 1,
// "delay_s": 2.0, "quick_wait_median_s": ..., "quick_wait_max_s": ..., "errors": 0}. What did not happen is
// null.
[[nodiscard]] std::string timeline_json(const Timeline& timeline);

}  // namespace tcpserver::client
