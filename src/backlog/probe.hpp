#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"

#include "backlog/options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// A listen queue of our own on loopback, filled until no further connection fits.
namespace tcpserver::backlog {

struct ProbeRow {
  int backlog = 0;              // the argument of listen
  std::uint32_t in_effect = 0;  // the backlog in effect, by TCP_INFO
  int started = 0;              // connections, more than the queue holds
  int queued = 0;               // clients that are connected and whose first byte was acknowledged
  int counted_otherwise = 0;    // the length of the queue by TCP_INFO

  [[nodiscard]] bool agrees() const noexcept { return queued == counted_otherwise; }
};

// Listens with this backlog and does not accept while it counts. Throws StartError (system) if descriptors or
// ports run out.
[[nodiscard]] ProbeRow probe_backlog(int backlog);

// A client whose SYN finds the queue full, until a place comes free a moment later.
struct FullQueue {
  int backlog = 0;
  int error = 0;                              // errno of its connect: ECONNREFUSED for a RST, 0 if none
  bool let_in_at_once = false;                // the queue was not full, whatever the counts had said
  bool got_in = false;                        // within longest_wait_for_place
  base::Duration before_free{};               // from its connect until a place came free
  base::Duration after_free{};                // from there until it was connected
  std::optional<std::uint32_t> syns_again{};  // retransmitted SYNs. nullopt if unknown
};
inline constexpr auto longest_wait_for_place = std::chrono::seconds(10);

[[nodiscard]] FullQueue meet_full_queue(int backlog);

// Connections that the books report for a backlog of 0 to 5. Traditional BSD and Solaris 2.2: Stevens, TCP/IP
// Illustrated, vol. 1, section 18.11. nullopt beyond.
[[nodiscard]] std::optional<int> queued_on_bsd(int backlog) noexcept;
[[nodiscard]] std::optional<int> queued_on_solaris(int backlog) noexcept;
// The rule of Berkeley-derived kernels: 3/2 n + 1, rounded down.
[[nodiscard]] int queued_by_berkeley_rule(int backlog) noexcept;

// A line of the table with a bar of up to `bar_width` columns, which `full_bar` connections fill. 0: no bar.
[[nodiscard]] std::string probe_line(const ProbeRow& row, int full_bar, int bar_width);
[[nodiscard]] std::string full_queue_text(const FullQueue& full);
[[nodiscard]] std::string probe_json(const std::vector<ProbeRow>& rows, const FullQueue& full,
                                     std::string_view kernel);

// tcpbacklog probe: prints each row as soon as it is known. Returns ok, or system if the counts disagree.
[[nodiscard]] base::ExitStatus run(const ProbeOptions& options);

}  // namespace tcpserver::backlog
