#include "client/timeline.hpp"

#include "tcpserver/base/json.hpp"

#include <algorithm>

namespace tcpserver::client {

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
  constexpr int decimals = 6;
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.begin_array("clients");
  for (const auto& life : timeline.lives) {
    json.break_line();
    json.begin_object();
    json.member("id", life.id);
    json.member("slow", life.slow);
    json.member("started_s", life.started_s, decimals);
    json.member("connected_s", life.connected_s, decimals);
    json.member("sent_s", life.sent_s, decimals);
    json.member("replied_s", life.replied_s, decimals);
    json.member("ok", life.answered());
    if (life.failure || !life.ended_s) {
      json.member("error", life.failure ? life.failure->sentence : "stopped");
    } else {
      json.member("error", nullptr);
    }
    json.end_object();
  }
  json.break_line();
  json.end_array();
  const auto quick = quick_waits(timeline);
  json.member("server", timeline.server);
  json.member("slow", slow_count(timeline));
  json.member("delay_s", std::chrono::duration<double>(timeline.delay).count(), decimals);
  json.member("quick_wait_median_s", quick ? std::optional(quick->median) : std::nullopt, decimals);
  json.member("quick_wait_max_s", quick ? std::optional(quick->largest) : std::nullopt, decimals);
  json.member("errors", count_of(timeline, [](const ClientLife& life) { return !life.answered(); }));
  json.end_object();
  return text + "\n";
}

}  // namespace tcpserver::client
