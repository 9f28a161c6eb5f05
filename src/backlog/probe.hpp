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
  int backlog = 0;                           // what listen was given
  std::optional<std::uint32_t> in_effect{};  // what the kernel made of it; nothing: not told
  int started = 0;                           // connections, more than the queue holds
  int queued = 0;             // clients whose connection is established and whose first byte was acknowledged
  int counted_otherwise = 0;  // the queue's length by TCP_INFO; elsewhere the connections that accept returns

  [[nodiscard]] bool agrees() const noexcept { return queued == counted_otherwise; }
};

// Listens with this backlog and does not accept while it counts. Throws StartError (system) where descriptors
// or ports run out.
[[nodiscard]] ProbeRow probe_backlog(int backlog);

// What a client meets whose SYN finds the queue full, and where a place comes free a moment later.
struct FullQueue {
  int backlog = 0;
  int error = 0;                              // errno of its connect: ECONNREFUSED is a RST, 0 is none
  bool let_in_at_once = false;                // the queue was not full, whatever the counts had said
  bool got_in = false;                        // within the limit below
  base::Duration before_free{};               // how long it had waited in vain by then
  base::Duration after_free{};                // from there until it was connected
  std::optional<std::uint32_t> syns_again{};  // SYNs sent again; nothing: not told
};
inline constexpr auto longest_wait_for_place = std::chrono::seconds(10);

[[nodiscard]] FullQueue meet_full_queue(int backlog);

// What the books report for the same backlog. Traditional BSD and Solaris 2.2: Stevens, TCP/IP Illustrated,
// vol. 1, section 18.11, for 0 to 5. Nothing beyond.
[[nodiscard]] std::optional<int> queued_on_bsd(int backlog) noexcept;
[[nodiscard]] std::optional<int> queued_on_solaris(int backlog) noexcept;
// The rule of the kernels that come from Berkeley: 3/2 n + 1, rounded down.
[[nodiscard]] int queued_by_berkeley_rule(int backlog) noexcept;

// "Linux 6.1.0 x86_64", as uname(2) says.
[[nodiscard]] std::string kernel_name();

// The table's pieces. `bar_width` columns are for the bar, which so many connections as `full_bar` fill; 0:
// no bar.
[[nodiscard]] std::string probe_heading();
[[nodiscard]] std::string probe_line(const ProbeRow& row, int full_bar, int bar_width);
[[nodiscard]] std::string full_queue_text(const FullQueue& full);
[[nodiscard]] std::string probe_json(const std::vector<ProbeRow>& rows, const FullQueue& full,
                                     std::string_view kernel);

// tcpbacklog probe: prints each row as soon as it is known. Status ok, or system where the two ways of
// counting disagree.
[[nodiscard]] base::ExitStatus run_probe(const ProbeOptions& options);

}  // namespace tcpserver::backlog
