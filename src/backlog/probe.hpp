#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"

#include "backlog/options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// Fills a listen queue of its own on loopback until no further connection fits.
namespace tcpserver::backlog {

struct ProbeRow {
  int backlog = 0;              // the argument of listen
  std::uint32_t in_effect = 0;  // the backlog in effect, from TCP_INFO
  int started = 0;              // connections started: more than the queue holds
  int queued = 0;               // clients that are connected and whose first byte was acknowledged
  int queued_by_tcp_info = 0;   // the queue length from TCP_INFO

  [[nodiscard]] bool agrees() const noexcept { return queued == queued_by_tcp_info; }
  [[nodiscard]] bool is_cut() const noexcept { return static_cast<std::uint64_t>(backlog) > in_effect; }
};

// Listens with this backlog, never accepts, and counts the connections that fit. Throws StartError (system)
// if descriptors or ports run out.
[[nodiscard]] ProbeRow probe_backlog(int backlog);

// Describes a client whose SYN finds the queue full, and for which a place becomes free a moment later.
struct FullQueue {
  int backlog = 0;
  int error = 0;                 // errno of its connect, such as ECONNREFUSED for a RST; 0 if none
  bool let_in_at_once = false;   // connected before a place became free
  bool got_in = false;           // connected within longest_wait_for_place
  base::Duration before_free{};  // from its connect until a place became free
  base::Duration after_free{};   // from then until it was connected
  std::optional<std::uint32_t> retransmitted_syns{};  // retransmitted SYNs. nullopt if unknown
};
inline constexpr auto longest_wait_for_place = std::chrono::seconds(10);

[[nodiscard]] FullQueue probe_full_queue(int backlog);

// Queued connections on traditional BSD and on Solaris 2.2 (Stevens, TCP/IP Illustrated, vol. 1,
// section 18.11). nullopt unless the backlog is 0 to 5.
[[nodiscard]] std::optional<int> queued_on_bsd(int backlog) noexcept;
[[nodiscard]] std::optional<int> queued_on_solaris(int backlog) noexcept;
// The rule of Berkeley-derived kernels: 3/2 n + 1, rounded down.
[[nodiscard]] int queued_by_berkeley_rule(int backlog) noexcept;

// Returns a line of the table, with a bar or a note. `full_bar` connections fill the bar's `bar_width`
// columns; 0 columns disable the bar.
[[nodiscard]] std::string format_row(const ProbeRow& row, int full_bar, int bar_width);
[[nodiscard]] std::string format_full_queue(const FullQueue& full);
[[nodiscard]] std::string format_json(const std::vector<ProbeRow>& rows, const FullQueue& full,
                                      std::string_view kernel);

// Runs tcpbacklog probe. Prints each row as soon as it is known. Returns `system` if the two counts differ.
[[nodiscard]] base::ExitStatus run(const ProbeOptions& options);

}  // namespace tcpserver::backlog
