#pragma once

#include "tcpserver/base/json.hpp"
#include "tcpserver/kernel/socket_facts.hpp"

#include <optional>
#include <string>

// How long the listen queue has to be. Clients come at a rate, the server accepts one after another, and what
// it cannot take at once waits: a queue with one server (Kleinrock, Queueing Systems, vol. 1).
namespace tcpserver::backlog {

// Lengths are counted up to here: above every sum that a person could mean, and exact in a double.
inline constexpr double most_counted = 1e15;

// Up to the next whole number, but for what exceeds one by the rounding of doubles alone.
[[nodiscard]] double round_up(double value) noexcept;

// "800 us", "1.5 s": four digits that count.
[[nodiscard]] std::string exact_time_text(double seconds);

// What comes and what is served. All finite; rates a second, times in seconds.
struct Load {
  double rate = 0;          // in the mean, 0 or more
  double burst = 0;         // at the peak, `rate` or more
  double accept_time = 0;   // from one accept to the next, above 0
  double burst_length = 0;  // above 0
  double headroom = 1;      // 1 or more
};

struct Sizing {
  double capacity = 0;   // accepts a second
  bool carried = false;  // the mean rate is below the capacity. If not, the queue grows for ever, and what
                         // follows is not set
  double growth = 0;     // connections that wait at the end of the burst, if clients come in step
  double with_headroom = 0;
  double by_chance = 0;     // the same for clients that come at random: see size_backlog
  double backlog = 0;       // the largest of these: a whole number, 1 or more
  double longest_wait = 0;  // seconds, of the burst's last client
  double empty_after = 0;   // seconds from the end of the burst until nobody waits
};

// Whatever the load, the result is finite. For clients that come independently of each other (a Poisson
// process) by_chance is the larger of two lengths. One is that which an M/M/1 queue at the mean rate exceeds
// once in a million arrivals: P(more than n wait) = r^n, where r is rate / capacity. (An even accept time
// makes it shorter.) The other is growth plus three standard deviations of the number of clients in a burst,
// sqrt(burst * burst_length); where the capacity carries the burst, no more than the M/M/1 queue at its rate.
[[nodiscard]] Sizing size_backlog(const Load& load);

// The kernel memory of one connection that waits in the accept queue, in bytes: one object of the slab cache
// TCP (2368) and one of request_sock_TCP (320), as counted with 4000 of them on Linux 6.18 (x86-64).
inline constexpr double bytes_per_waiting_connection = 2688;

// A dropped SYN is sent again after this many seconds, then after twice as many (RFC 6298, section 2).
inline constexpr double first_retry_after = 1;

// The sum, line by line, and what the system says to its result. `largest` is SOMAXCONN but in tests.
[[nodiscard]] std::string sizing_text(const Load& load, const Sizing& sizing,
                                      const kernel::KernelLimits& kernel, int largest);

// The members of its JSON object.
void write_sizing(base::JsonWriter& json, const Load& load, const Sizing& sizing,
                  const kernel::KernelLimits& kernel, int largest);

}  // namespace tcpserver::backlog
