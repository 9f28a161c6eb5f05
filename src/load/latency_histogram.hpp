#pragma once

#include "tcpserver/base/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tcpserver::load {

// Counts times in buckets whose width grows with the time (log-linear, as HdrHistogram does): exact below
// 128 ns, from there each power of two has 128 buckets of the same width, so that a bucket is at most
// 1/128 (0.8 %) of its times wide. Fixed memory, for any number of times of up to centuries; recording
// allocates nothing.
class LatencyHistogram {
 public:
  // Below zero counts as zero.
  void record(base::Duration time) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  // Exact. Zero where nothing was recorded.
  [[nodiscard]] base::Duration longest() const noexcept { return base::Duration(longest_); }

  // The time that this share of all, 0 to 1, did not exceed: the upper end of its bucket, and never above
  // the longest. At least one must have been recorded.
  [[nodiscard]] base::Duration quantile(double share) const noexcept;

  struct Bucket {
    base::Duration upper;  // the longest time that belongs to it
    std::uint64_t count;
  };
  // Those that are not empty, the shortest times first.
  [[nodiscard]] std::vector<Bucket> buckets() const;

 private:
  static constexpr unsigned precision_bits = 7;
  static constexpr std::size_t per_octave = std::size_t{1} << precision_bits;
  static constexpr std::size_t octaves = 63 - precision_bits;  // above the exact part, of 63 bits

  [[nodiscard]] static std::size_t bucket_of(std::uint64_t nanoseconds) noexcept;
  [[nodiscard]] static std::uint64_t upper_end_of(std::size_t bucket) noexcept;

  std::array<std::uint64_t, per_octave*(octaves + 1)> counts_{};
  std::uint64_t count_ = 0;
  std::int64_t longest_ = 0;
};

// How the times are spread: a row for each step of a scale on which equal ratios are equal, with a bar as
// long as its count. At most `columns` - 1 wide, at most about 20 rows; nothing where nothing was recorded.
// With `colours` the bars have one (ECMA-48 SGR).
[[nodiscard]] std::vector<std::string> chart(const LatencyHistogram& latencies, std::size_t columns,
                                             bool colours);

}  // namespace tcpserver::load
