#include "client/timeline.hpp"

#include "tcpserver/base/values.hpp"

#include <algorithm>

namespace tcpserver::client {

namespace {

std::string json_time(const std::optional<double>& seconds) {
  return seconds ? base::formatted("%.6f", *seconds) : "null";
}

}  // namespace

std::size_t count_of(const Timeline& timeline, bool (*holds)(const ClientLife&)) {
  return static_cast<std::size_t>(std::count_if(timeline.lives.begin(), timeline.lives.end(), holds));
}

const char* word_of(Trouble trouble) noexcept {
  switch (trouble) {
    case Trouble::refused:
      return "refused";
    case Trouble::not_connected:
      return "not connected";
    case Trouble::timed_out:
      return "timed out";
    case Trouble::closed:
      return "closed";
    case Trouble::reset:
      return "reset";
    case Trouble::broken:
      return "broken";
    case Trouble::no_reply:
      return "no reply";
    case Trouble::short_reply:
      return "short reply";
    case Trouble::wrong_reply:
      return "wrong reply";
  }
  return "unknown";
}

base::ExitStatus exit_status_of(Trouble trouble) noexcept {
  switch (trouble) {
    case Trouble::refused:
    case Trouble::not_connected:
      return base::ExitStatus::unavailable;
    case Trouble::timed_out:
      return base::ExitStatus::temp_fail;
    case Trouble::closed:
    case Trouble::reset:
    case Trouble::broken:
    case Trouble::no_reply:
    case Trouble::short_reply:
      return base::ExitStatus::io_error;
    case Trouble::wrong_reply:
      return base::ExitStatus::protocol;
  }
  return base::ExitStatus::software;
}

std::size_t slow_count(const Timeline& timeline) {
  return count_of(timeline, [](const ClientLife& life) { return life.slow; });
}

std::optional<Spread> spread_of(std::vector<double> times) {
  if (times.empty()) return std::nullopt;
  std::sort(times.begin(), times.end());
  const double median = (times[(times.size() - 1) / 2] + times[times.size() / 2]) / 2;
  return Spread{.least = times.front(), .median = median, .largest = times.back()};
}

std::optional<Spread> quick_waits(const Timeline& timeline) {
  std::vector<double> times;
  for (const auto& life : timeline.lives) {
    if (!life.slow && life.answered()) times.push_back(life.wait_s());
  }
  return spread_of(std::move(times));
}

std::string timeline_json(const Timeline& timeline) {
  std::string text = "{\"clients\": [";
  const char* separator = "\n  ";
  for (const auto& life : timeline.lives) {
    text += separator;
    text += "{\"id\": " + std::to_string(life.id) + ", \"slow\": " + (life.slow ? "true" : "false") +
            ", \"started_s\": " + json_time(life.started_s) +
            ", \"connected_s\": " + json_time(life.connected_s) + ", \"sent_s\": " + json_time(life.sent_s) +
            ", \"replied_s\": " + json_time(life.replied_s) +
            ", \"ok\": " + (life.answered() ? "true" : "false") + ", \"error\": " +
            (life.failure   ? base::json_string(life.failure->sentence)
             : life.ended_s ? "null"
                            : "\"stopped\"") +
            "}";
    separator = ",\n  ";
  }
  const auto quick = quick_waits(timeline);
  const std::size_t errors = count_of(timeline, [](const ClientLife& life) { return !life.answered(); });
  return text + "\n], \"server\": " + base::json_string(timeline.server) +
         ", \"slow\": " + std::to_string(slow_count(timeline)) +
         ", \"delay_s\": " + json_time(std::chrono::duration<double>(timeline.delay).count()) +
         ", \"quick_wait_median_s\": " + (quick ? json_time(quick->median) : "null") +
         ", \"quick_wait_max_s\": " + (quick ? json_time(quick->largest) : "null") +
         ", \"errors\": " + std::to_string(errors) + "}\n";
}

}  // namespace tcpserver::client
