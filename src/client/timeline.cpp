#include "client/timeline.hpp"

#include "tcpserver/base/json.hpp"

#include <algorithm>
#include <limits>

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

bool none_could_connect(const Timeline& timeline) {
  return std::all_of(timeline.lives.begin(), timeline.lives.end(), [](const ClientLife& life) {
    return life.failure &&
           (life.failure->trouble == Trouble::refused || life.failure->trouble == Trouble::not_connected);
  });
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

namespace {

using base::time_text;

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// "0.5 ms", or "0.5 ms (median; 0.4 ms to 0.9 ms)".
std::string spread_text(const Spread& spread, std::size_t count) {
  const std::string median = time_text(spread.median);
  if (count == 1) return median;
  return median + " (median; " + time_text(spread.least) + " to " + time_text(spread.largest) + ")";
}

// If quick clients waited for this share of the delay, slow ones may have delayed them.
constexpr double delayed_share = 0.9;
// If they waited for less than this share, slow ones did not delay them.
constexpr double undelayed_share = 0.1;
// Connecting and forking may take as long as a shorter delay (in seconds).
constexpr double least_delay = 0.02;

// Returns the end of the sentence about the quick clients: whether the slow ones delayed them. There is no
// conclusion if some clients got no reply, because they may have waited, too.
std::string conclusion(const Timeline& timeline, const Spread& waited) {
  const double delay = std::chrono::duration<double>(timeline.delay).count();
  if (delay < least_delay) return ".";
  double last_slow_reply = 0;
  double first_quick_reply = std::numeric_limits<double>::infinity();
  for (const auto& life : timeline.lives) {
    if (!life.answered()) return ".";
    if (life.slow) last_slow_reply = std::max(last_slow_reply, *life.replied_s);
    if (!life.slow) first_quick_reply = std::min(first_quick_reply, *life.replied_s);
  }
  const std::size_t slow = slow_count(timeline);
  const std::string slow_ones = slow == 1 ? "it." : "them.";
  if (waited.least >= delayed_share * delay && first_quick_reply >= last_slow_reply) {
    const bool one_quick = timeline.lives.size() - slow == 1;
    return (one_quick ? ", so it was served after " : ", so they were served after ") + slow_ones;
  }
  return waited.largest <= undelayed_share * delay ? ": no client waited for " + slow_ones : ".";
}

// Describes how long the quick clients waited while the slow ones held their connections.
std::string describe_quick(const Timeline& timeline, const Spread& waited) {
  const std::size_t slow = slow_count(timeline);
  const std::size_t answered =
      count_clients(timeline, [](const ClientLife& life) { return !life.slow && life.answered(); });
  const bool all = answered + slow == timeline.lives.size();
  const std::string kind = slow == 0 ? "client" : "quick client";
  std::string text = all && slow == 0 ? "" : "The ";
  text += answered == 1 && slow > 0 ? kind : counted(answered, kind, kind + "s");
  if (!all) text += answered == 1 ? " that was answered" : " that were answered";
  text += " waited " + spread_text(waited, answered);
  // A hold that was cut short is no comparison.
  const std::size_t held =
      count_clients(timeline, [](const ClientLife& life) { return life.slow && life.sent_s; });
  if (slow == 0 || held < slow) return text + ".";
  text += slow == 1 ? " while client 1 held its connection"
                    : " while the " + std::to_string(slow) + " slow ones held their connections";
  return text + " for " + base::duration_text(timeline.delay) + conclusion(timeline, waited);
}

// Describes how long the slow clients waited after sending, for a run without quick clients.
std::string describe_slow_alone(const Timeline& timeline) {
  std::vector<double> times;
  for (const auto& life : timeline.lives) {
    if (life.answered()) times.push_back(*life.replied_s - *life.sent_s);
  }
  const auto waited = compute_spread(times);
  if (!waited) return "";
  return counted(times.size(), "slow client was", "slow clients were") + " answered " +
         spread_text(*waited, times.size()) + " after sending.";
}

// A full queue drops the SYN, and the client resends it after a second (RFC 6298, section 2).
constexpr double retry_s = 0.9;

// True if the client connected late, or gave up after trying for as long.
bool connected_late(const ClientLife& life) {
  const bool gave_up = life.failure && life.failure->trouble == Trouble::timed_out && !life.connected_s;
  const auto until = gave_up ? life.ended_s : life.connected_s;
  return until && *until - life.dialled_s >= retry_s;
}

std::string describe_queue(const Timeline& timeline) {
  const std::size_t late = count_clients(timeline, connected_late);
  if (late == 0) return "";
  const std::size_t reset = count_clients(timeline, [](const ClientLife& life) {
    return connected_late(life) && life.failure && life.failure->trouble == Trouble::reset;
  });
  std::string text =
      counted(late, "client", "clients") +
      " needed a second or longer to connect: a full listen queue drops the SYN, and the client resends it "
      "after a second.";
  // If there are more half-open connections than the backlog, Linux answers with a SYN cookie and keeps no
  // state. If the queue is still full when the ACK arrives, the next segment finds no connection
  // (tcp_syncookies, tcp(7)).
  if (reset > 0) {
    text += " " + std::to_string(reset) + (reset == 1 ? " of them was reset" : " of them were reset") +
            " because the queue was still full after the server had sent a SYN cookie.";
  }
  return text;
}

std::string describe_failures(const Timeline& timeline) {
  const std::size_t failed = failed_count(timeline);
  const std::size_t open = count_clients(timeline, [](const ClientLife& life) { return !life.ended_s; });
  const std::string of_all = " of " + counted(timeline.lives.size(), "client", "clients");
  std::string failures;
  if (failed == timeline.lives.size()) {
    const auto count = std::to_string(failed);
    failures = "No client got a correct reply (" + count + " of " + count + " failed).";
  } else if (failed > 0) {
    failures = std::to_string(failed) + of_all + " failed.";
  }
  if (open == 0) return failures;
  return "Stopped after " + time_text(timeline.now_s) + "; " + std::to_string(open) + of_all +
         " had not finished." + (failed == 0 ? "" : " ") + failures;
}

}  // namespace

std::string summary(const Timeline& timeline) {
  const auto quick = quick_waits(timeline);
  const auto answered = quick ? describe_quick(timeline, *quick) : describe_slow_alone(timeline);
  std::string text;
  for (const auto& part : {describe_failures(timeline), answered, describe_queue(timeline)}) {
    if (!text.empty() && !part.empty()) text += ' ';
    text += part;
  }
  return text;
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
