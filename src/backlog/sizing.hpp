#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/json.hpp"

#include "backlog/options.hpp"

#include <optional>
#include <string>

// The length that a listen queue needs. Clients come at a rate, the server accepts one after another, and the
// rest waits: a queue with one server (Kleinrock, Queueing Systems, vol. 1).
namespace tcpserver::backlog {

// Lengths are counted up to here: above every sum that a person could mean, and exact in a double.
inline constexpr double most_counted = 1e15;

// Rounds up to a whole number, except what exceeds one only by the rounding of doubles.
[[nodiscard]] double round_up(double value) noexcept;

// All finite; rates per second, times in seconds.
struct Load {
  double rate = 0;          // mean, 0 or more
  double burst = 0;         // at the peak, `rate` or more
  double accept_time = 0;   // from one accept to the next, above 0
  double burst_length = 0;  // above 0
  double headroom = 1;      // 1 or more
};

struct Sizing {
  double capacity = 0;       // accepts per second
  bool carried = false;      // the mean rate is below the capacity. If not, the rest is not set
  double growth = 0;         // connections that wait at the end of the burst, if clients come evenly
  double with_headroom = 0;  // the same times `headroom`
  double by_chance = 0;      // the same for clients that come at random: see size_backlog
  double backlog = 0;        // the largest of these: a whole number, 1 or more
  double longest_wait = 0;   // seconds, of the burst's last client
  double empty_after = 0;    // seconds from the end of the burst until nobody waits
};

// Finite for every load. by_chance assumes clients that come independently (a Poisson process). It is the
// larger of two lengths. An M/M/1 queue at the mean rate exceeds the first at one arrival in a million:
// P(more than n wait) = r^n, where r is rate / capacity. (With an even accept time it is shorter.) The second
// is growth plus three standard deviations of the clients in a burst, sqrt(burst * burst_length); if the
// capacity carries the burst, at most the M/M/1 length at the burst's rate.
[[nodiscard]] Sizing size_backlog(const Load& load);

// Kernel memory of one connection in the accept queue: one object of the slab cache TCP (2368 bytes) and one
// of request_sock_TCP (320), counted with 4000 connections on Linux 6.18 (x86-64).
inline constexpr double bytes_per_waiting_connection = 2688;

// A dropped SYN is sent again after this many seconds, then after twice as many (RFC 6298, section 2).
inline constexpr double first_retry_after = 1;

// The calculation, line by line, compared with the limits of the system: net.core.somaxconn, nullopt if
// unknown, and `largest`, which is SOMAXCONN except in tests.
[[nodiscard]] std::string sizing_text(const Load& load, const Sizing& sizing,
                                      std::optional<std::uint64_t> somaxconn, int largest);

// Writes the members of its JSON object.
void write_sizing(base::JsonWriter& json, const Load& load, const Sizing& sizing,
                  std::optional<std::uint64_t> somaxconn, int largest);

// tcpbacklog size.
[[nodiscard]] base::ExitStatus run(const SizeOptions& options);

}  // namespace tcpserver::backlog
