#include "client/timeline.hpp"

#include "tcpserver/base/json.hpp"

#include <algorithm>

namespace tcpserver::client {

std::size_t count_clients(const Timeline& timeline, bool (*holds)(const ClientLife&)) {
  return static_cast<std::size_t>(std::count_if(timeline.lives.begin(), timeline.lives.end(), holds));
}

const TroubleFacts& facts_about(Trouble trouble) noexcept {
  using base::ExitStatus;
  static constexpr TroubleFacts facts[] = {
      {"refused", ExitStatus::unavailable},  {"not connected", ExitStatus::unavailable},
      {"timed out", ExitStatus::temp_fail},  {"closed", ExitStatus::io_error},
      {"reset", ExitStatus::io_error},       {"broken", ExitStatus::io_error},
      {"no reply", ExitStatus::io_error},    {"short reply", ExitStatus::io_error},
      {"wrong reply", ExitStatus::protocol},
  };
  return facts[static_cast<std::size_t>(trouble)];
}

std::size_t slow_count(const Timeline& timeline) {
  return count_clients(timeline, [](const ClientLife& life) { return life.slow; });
}

std::size_t failed_count(const Timeline& timeline) {
  return count_clients(timeline, [](const ClientLife& life) { return life.failure.has_value(); });
}

std::optional<Spread> compute_spread(std::vector<double> times) {
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
  return compute_spread(std::move(times));
}

std::string timeline_json(const Timeline& timeline) {
  constexpr int decimals = 6;
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.begin_array("clients");
  for (const auto& life : timeline.lives) {
    const bool running = !life.failure && !life.ended_s;
    json.break_line();
    json.begin_object();
    json.member("id", life.id);
    json.member("slow", life.slow);
    json.member("started_s", life.started_s, decimals);
    json.member("connected_s", life.connected_s, decimals);
    json.member("sent_s", life.sent_s, decimals);
    json.member("replied_s", life.replied_s, decimals);
    json.member("ok", life.answered());
    json.member("error", running        ? std::optional<std::string>("stopped")
                         : life.failure ? std::optional(life.failure->sentence)
                                        : std::nullopt);
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
  json.member("errors", count_clients(timeline, [](const ClientLife& life) { return !life.answered(); }));
  json.end_object();
  return text + "\n";
}

}  // namespace tcpserver::client
