#include "load/latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tcpserver::load {

// The leading bits of a time, the first of them and `precision_bits` behind it, name its bucket.
std::size_t LatencyHistogram::bucket_of(std::uint64_t nanoseconds) noexcept {
  const auto bits = static_cast<unsigned>(std::bit_width(nanoseconds));
  if (bits <= precision_bits) return nanoseconds;
  const unsigned dropped = bits - precision_bits - 1;
  const std::size_t leading = nanoseconds >> dropped;  // per_octave and above, below twice that
  return per_octave * dropped + leading;
}

std::uint64_t LatencyHistogram::upper_end_of(std::size_t bucket) noexcept {
  if (bucket < 2 * per_octave) return bucket;
  const std::size_t dropped = bucket / per_octave - 1;
  const std::uint64_t leading = per_octave + bucket % per_octave;
  return ((leading + 1) << dropped) - 1;
}

void LatencyHistogram::record(base::Duration time) noexcept {
  const auto nanoseconds = std::max<std::int64_t>(time.count(), 0);
  ++counts_[bucket_of(static_cast<std::uint64_t>(nanoseconds))];
  ++count_;
  longest_ = std::max(longest_, nanoseconds);
}

base::Duration LatencyHistogram::quantile(double share) const noexcept {
  const double wanted = std::ceil(share * static_cast<double>(count_));
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(base::Duration(upper_end_of(i)), longest());
  }
  return longest();
}

std::vector<LatencyHistogram::Bucket> LatencyHistogram::buckets() const {
  std::vector<Bucket> filled;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0) filled.push_back({base::Duration(upper_end_of(i)), counts_[i]});
  }
  return filled;
}

}  // namespace tcpserver::load
