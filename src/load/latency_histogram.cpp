#include "load/latency_histogram.hpp"

#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

namespace tcpserver::load {

// The leading 1 + precision_bits bits of a time select its bucket.
std::size_t LatencyHistogram::bucket_index(std::uint64_t nanoseconds) noexcept {
  const auto bits = static_cast<unsigned>(std::bit_width(nanoseconds));
  if (bits <= precision_bits) return nanoseconds;
  const unsigned dropped = bits - precision_bits - 1;
  const std::size_t leading = nanoseconds >> dropped;  // from per_octave to 2 * per_octave - 1
  return per_octave * dropped + leading;
}

std::uint64_t LatencyHistogram::upper_end(std::size_t index) noexcept {
  if (index < 2 * per_octave) return index;
  const std::size_t dropped = index / per_octave - 1;
  const std::uint64_t leading = per_octave + index % per_octave;
  return ((leading + 1) << dropped) - 1;
}

void LatencyHistogram::record(base::Duration time) noexcept {
  const auto nanoseconds = std::max<std::int64_t>(time.count(), 0);
  ++counts_[bucket_index(static_cast<std::uint64_t>(nanoseconds))];
  ++count_;
  longest_ = std::max(longest_, nanoseconds);
}

base::Duration LatencyHistogram::quantile(double share) const noexcept {
  const double wanted = std::ceil(share * static_cast<double>(count_));
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
  std::uint64_t seen = 0;
  std::size_t index = 0;
  while ((seen += counts_[index]) < rank) ++index;
  return std::min(base::Duration(upper_end(index)), longest());
}

std::vector<LatencyHistogram::Bucket> LatencyHistogram::buckets() const {
  std::vector<Bucket> filled;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0) filled.push_back({base::Duration(upper_end(i)), counts_[i]});
  }
  return filled;
}

namespace {

using Rows = std::vector<LatencyHistogram::Bucket>;

// `steps` are tenths of a decade; the first decade begins at 10 ns.
Rows make_rows(std::span<const int> steps, const Rows& buckets) {
  Rows rows;
  auto bucket = buckets.begin();
  for (std::int64_t decade = 1; bucket != buckets.end(); decade *= 10) {
    for (const int step : steps) {
      LatencyHistogram::Bucket row{.upper = base::Duration(step * decade)};
      for (; bucket != buckets.end() && bucket->upper <= row.upper; ++bucket) row.count += bucket->count;
      if (row.count > 0 || !rows.empty()) rows.push_back(row);
      if (bucket == buckets.end()) break;
    }
  }
  return rows;
}

// Chooses the finest scale that has at most max_rows rows.
Rows make_rows(const Rows& buckets) {
  constexpr std::size_t max_rows = 20;
  static constexpr int fine[] = {10, 12, 15, 20, 25, 30, 40, 50, 60, 80};
  static constexpr int middle[] = {10, 15, 20, 30, 50, 70};
  static constexpr int coarse[] = {10, 20, 50};
  for (const std::span<const int> steps : {std::span<const int>(fine), {middle}, {coarse}}) {
    if (auto rows = make_rows(steps, buckets); rows.size() <= max_rows) return rows;
  }
  return make_rows(std::span(fine).first(1), buckets);
}

}  // namespace

std::vector<std::string> draw_chart(const LatencyHistogram& latencies, std::size_t columns, bool colours) {
  constexpr const char* cyan = "\x1b[36m";
  constexpr const char* plain = "\x1b[0m";
  constexpr std::size_t least_columns_with_note = 60;
  constexpr std::size_t taken = 10 + 1 + 10 + 1 + 1;  // two columns, two blanks, and the last column
  const auto room = static_cast<double>(columns > taken ? columns - taken : 1);
  const auto rows = make_rows(latencies.buckets());
  if (rows.empty()) return {};
  std::uint64_t largest = 0;
  for (const auto& row : rows) largest = std::max(largest, row.count);
  std::vector<std::string> lines{base::format_text("%10s %10s", "up to", "count")};
  if (columns >= least_columns_with_note) lines.back() += "  (logarithmic scale of latencies)";
  for (const auto& row : rows) {
    const auto time = base::format_time(std::chrono::duration<double>(row.upper).count());
    auto line = base::format_text("%10s %10s", time.c_str(), std::to_string(row.count).c_str());
    if (row.count > 0) {
      const double share = static_cast<double>(row.count) / static_cast<double>(largest);
      const std::string bar(static_cast<std::size_t>(std::max(std::lround(share * room), 1L)), '#');
      line += " " + (colours ? cyan + bar + plain : bar);
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace tcpserver::load
