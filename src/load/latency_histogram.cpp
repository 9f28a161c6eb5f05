#include "load/latency_histogram.hpp"

#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

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

namespace {

constexpr std::size_t most_rows = 20;
constexpr const char* bar_colour = "\x1b[36m";  // cyan
constexpr const char* no_colour = "\x1b[0m";

struct Row {
  base::Duration upper;
  std::uint64_t count = 0;
};

// `steps` are the tenths of a decade; the first decade begins with 10 ns.
std::vector<Row> rows_by(std::span<const int> steps, const std::vector<LatencyHistogram::Bucket>& buckets) {
  std::vector<Row> rows;
  auto bucket = buckets.begin();
  for (std::int64_t decade = 1; bucket != buckets.end(); decade *= 10) {
    for (const int step : steps) {
      Row row{.upper = base::Duration(step * decade)};
      for (; bucket != buckets.end() && bucket->upper <= row.upper; ++bucket) row.count += bucket->count;
      if (row.count > 0 || !rows.empty()) rows.push_back(row);
      if (bucket == buckets.end()) break;
    }
  }
  return rows;
}

// On the finest scale that has not too many steps.
std::vector<Row> make_rows(const std::vector<LatencyHistogram::Bucket>& buckets) {
  static constexpr int fine[] = {10, 12, 15, 20, 25, 30, 40, 50, 60, 80};
  static constexpr int middle[] = {10, 15, 20, 30, 50, 70};
  static constexpr int coarse[] = {10, 20, 50};
  for (const std::span<const int> steps : {std::span<const int>(fine), {middle}, {coarse}}) {
    if (auto rows = rows_by(steps, buckets); rows.size() <= most_rows) return rows;
  }
  return rows_by(std::span(fine).first(1), buckets);
}

std::string draw_bar(std::uint64_t count, std::uint64_t largest, std::size_t room) {
  if (count == 0) return "";
  const double share = static_cast<double>(count) / static_cast<double>(largest);
  const auto width = static_cast<std::size_t>(std::lround(share * static_cast<double>(room)));
  return std::string(std::max<std::size_t>(width, 1), '#');
}

}  // namespace

std::vector<std::string> chart(const LatencyHistogram& latencies, std::size_t columns, bool colours) {
  const auto rows = make_rows(latencies.buckets());
  if (rows.empty()) return {};
  const auto largest = std::max_element(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
                         return a.count < b.count;
                       })->count;
  constexpr std::size_t taken = 10 + 1 + 10 + 1 + 1;  // two columns, two blanks, and the last column
  const std::size_t room = columns > taken ? columns - taken : 1;
  std::vector<std::string> lines{base::formatted("%10s %10s", "up to", "count")};
  for (const auto& row : rows) {
    const double seconds = std::chrono::duration<double>(row.upper).count();
    const std::string bar = draw_bar(row.count, largest, room);
    auto line =
        base::formatted("%10s %10s", base::time_text(seconds).c_str(), std::to_string(row.count).c_str());
    if (!bar.empty()) line += " " + (colours ? bar_colour + bar + no_colour : bar);
    lines.push_back(line);
  }
  return lines;
}

}  // namespace tcpserver::load
