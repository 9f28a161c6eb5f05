#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/json.hpp"

#include "backlog/options.hpp"

#include <optional>
#include <string>

// Calculates the backlog that a server needs. Clients arrive at a rate, the server accepts one after another,
// and the others wait: a queue with one server (Kleinrock, Queueing Systems, vol. 1).
namespace tcpserver::backlog {

// Larger lengths are reported as this one. It is far above any real queue, and exact in a double.
inline constexpr double most_counted = 1e15;

// Rounds up to a whole number, but ignores the rounding error of a double.
[[nodiscard]] double round_up(double value) noexcept;

// All finite; rates per second, times in seconds.
struct Load {
  double rate = 0;          // mean, at least 0
  double burst = 0;         // at the peak, at least `rate`
  double accept_time = 0;   // from one accept to the next, above 0
  double burst_length = 0;  // above 0
  double headroom = 1;      // at least 1
};

struct Sizing {
  double capacity = 0;       // accepts per second
  bool carried = false;      // true if the mean rate is below the capacity; else the other members stay 0
  double growth = 0;         // connections that wait at the end of the burst, with evenly spaced clients
  double with_headroom = 0;  // growth times `headroom`
  double by_chance = 0;      // the queue length with random arrivals: see size_backlog
  double backlog = 0;        // the largest of these three, rounded up, at least 1
  double longest_wait = 0;   // seconds that the last client of the burst waits
  double empty_after = 0;    // seconds from the end of the burst until the queue is empty
};

// All results are finite. by_chance assumes that clients arrive independently (a Poisson process). It is the
// larger of two lengths:
// - An M/M/1 queue at the mean rate exceeds the first at one arrival in a million: P(more than n wait) = r^n,
//   where r is rate / capacity. (With a constant accept time the queue is shorter.)
// - The second is growth plus three standard deviations of the number of clients in a burst,
//   sqrt(burst * burst_length). If the burst is within capacity, it is at most the M/M/1 length at the
//   burst's rate.
[[nodiscard]] Sizing size_backlog(const Load& load);

// Kernel memory of one connection in the accept queue: one object of the slab cache TCP (2368 bytes) and one
// of request_sock_TCP (320), counted with 4000 connections on Linux 6.18 (x86-64).
inline constexpr double bytes_per_waiting_connection = 2688;

// A client retries a dropped SYN after this many seconds, then after twice as many (RFC 6298, section 2).
inline constexpr double first_retry_after = 1;

// Shows the calculation line by line, and compares the result with the limits of the system: `somaxconn` is
// net.core.somaxconn, nullopt if unknown; `largest` is SOMAXCONN except in tests.
[[nodiscard]] std::string format_sizing(const Load& load, const Sizing& sizing,
                                        std::optional<std::uint64_t> somaxconn, int largest);

// Writes the same values as members of the current JSON object.
void write_sizing(base::JsonWriter& json, const Load& load, const Sizing& sizing,
                  std::optional<std::uint64_t> somaxconn, int largest);

// Runs tcpbacklog size.
[[nodiscard]] base::ExitStatus run(const SizeOptions& options);

}  // namespace tcpserver::backlog
