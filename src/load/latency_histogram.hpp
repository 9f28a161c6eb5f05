#pragma once

#include "tcpserver/base/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tcpserver::load {

// Counts times in log-linear buckets, as HdrHistogram does: exact below 128 ns, then 128 equal buckets per
// power of two, so that a bucket is at most 1/128 (0.8 %) wider than its times. The memory is fixed for any
// number of times up to centuries. Recording allocates nothing.
class LatencyHistogram {
 public:
  // A negative time counts as zero.
  void record(base::Duration time) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  // Exact. Zero if nothing was recorded.
  [[nodiscard]] base::Duration longest() const noexcept { return base::Duration(longest_); }

  // Returns the time that `share` (0 to 1) of all times did not exceed: the upper end of its bucket, at most
  // longest(). Needs count() > 0.
  [[nodiscard]] base::Duration quantile(double share) const noexcept;

  struct Bucket {
    base::Duration upper;  // the longest time in it
    std::uint64_t count = 0;
  };
  // The buckets that are not empty, in ascending order.
  [[nodiscard]] std::vector<Bucket> buckets() const;

 private:
  static constexpr unsigned precision_bits = 7;
  static constexpr std::size_t per_octave = std::size_t{1} << precision_bits;
  static constexpr std::size_t octaves = 63 - precision_bits;  // above the exact part, of 63 bits

  [[nodiscard]] static std::size_t bucket_index(std::uint64_t nanoseconds) noexcept;
  [[nodiscard]] static std::uint64_t upper_end(std::size_t index) noexcept;

  std::array<std::uint64_t, per_octave*(octaves + 1)> counts_{};
  std::uint64_t count_ = 0;
  std::int64_t longest_ = 0;
};

// Draws the distribution on a logarithmic scale of latencies: a row per step, with a bar in proportion to its
// count. Returns at most 20 rows, each shorter than `columns`; none if nothing was recorded. With `colours`,
// bars are coloured (ECMA-48 SGR).
[[nodiscard]] std::vector<std::string> draw_chart(const LatencyHistogram& latencies, std::size_t columns,
                                                  bool colours);

}  // namespace tcpserver::load
