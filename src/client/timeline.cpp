#include "client/timeline.hpp"

#include "tcpserver/base/json.hpp"

#include <algorithm>
#include <limits>

namespace tcpserver::client {

std::size_t count_clients(const Timeline& timeline, bool (*holds)(const ClientRecord&)) {
  return static_cast<std::size_t>(std::count_if(timeline.records.begin(), timeline.records.end(), holds));
}

const FailureFacts& find_facts(FailureKind kind) noexcept {
  using base::ExitStatus;
  static constexpr FailureFacts facts[] = {
      {"refused", ExitStatus::unavailable},  {"not connected", ExitStatus::unavailable},
      {"timed out", ExitStatus::temp_fail},  {"closed", ExitStatus::io_error},
      {"reset", ExitStatus::io_error},       {"broken", ExitStatus::io_error},
      {"no reply", ExitStatus::io_error},    {"short reply", ExitStatus::io_error},
      {"wrong reply", ExitStatus::protocol},
  };
  return facts[static_cast<std::size_t>(kind)];
}

std::size_t count_slow(const Timeline& timeline) {
  return count_clients(timeline, [](const ClientRecord& record) { return record.slow; });
}

std::size_t count_failed(const Timeline& timeline) {
  return count_clients(timeline, [](const ClientRecord& record) { return record.failure.has_value(); });
}

bool none_could_connect(const Timeline& timeline) {
  return std::all_of(timeline.records.begin(), timeline.records.end(), [](const ClientRecord& record) {
    return record.failure && (record.failure->kind == FailureKind::refused ||
                              record.failure->kind == FailureKind::not_connected);
  });
}

std::optional<Spread> compute_spread(std::vector<double> times) {
  if (times.empty()) return std::nullopt;
  std::sort(times.begin(), times.end());
  const double median = (times[(times.size() - 1) / 2] + times[times.size() / 2]) / 2;
  return Spread{.min = times.front(), .median = median, .max = times.back()};
}

std::optional<Spread> quick_waits(const Timeline& timeline) {
  std::vector<double> times;
  for (const auto& record : timeline.records) {
    if (!record.slow && record.answered()) times.push_back(record.wait_s());
  }
  return compute_spread(std::move(times));
}

namespace {

using base::format_time;

std::string format_count(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// "0.5 ms", or "0.5 ms (median; 0.4 ms to 0.9 ms)".
std::string format_spread(const Spread& spread, std::size_t count) {
  const std::string median = format_time(spread.median);
  if (count == 1) return median;
  return median + " (median; " + format_time(spread.min) + " to " + format_time(spread.max) + ")";
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
  for (const auto& record : timeline.records) {
    if (!record.answered()) return ".";
    if (record.slow) last_slow_reply = std::max(last_slow_reply, *record.replied_s);
    if (!record.slow) first_quick_reply = std::min(first_quick_reply, *record.replied_s);
  }
  const std::size_t slow = count_slow(timeline);
  const std::string slow_ones = slow == 1 ? "it." : "them.";
  if (waited.min >= delayed_share * delay && first_quick_reply >= last_slow_reply) {
    const bool one_quick = timeline.records.size() - slow == 1;
    return (one_quick ? ", so it was served after " : ", so they were served after ") + slow_ones;
  }
  return waited.max <= undelayed_share * delay ? ": no client waited for " + slow_ones : ".";
}

// Describes how long the quick clients waited while the slow ones held their connections.
std::string describe_quick(const Timeline& timeline, const Spread& waited) {
  const std::size_t slow = count_slow(timeline);
  const std::size_t answered =
      count_clients(timeline, [](const ClientRecord& record) { return !record.slow && record.answered(); });
  const bool all = answered + slow == timeline.records.size();
  const std::string kind = slow == 0 ? "client" : "quick client";
  std::string text = all && slow == 0 ? "" : "The ";
  text += answered == 1 && slow > 0 ? kind : format_count(answered, kind, kind + "s");
  if (!all) text += answered == 1 ? " that was answered" : " that were answered";
  text += " waited " + format_spread(waited, answered);
  // Waiting times cannot be compared with a hold that was cut short.
  const std::size_t held =
      count_clients(timeline, [](const ClientRecord& record) { return record.slow && record.sent_s; });
  if (slow == 0 || held < slow) return text + ".";
  text += slow == 1 ? " while client 1 held its connection"
                    : " while the " + std::to_string(slow) + " slow ones held their connections";
  return text + " for " + base::format_duration(timeline.delay) + conclusion(timeline, waited);
}

// Describes how long the slow clients waited after sending, for a run without quick clients.
std::string describe_slow_alone(const Timeline& timeline) {
  std::vector<double> times;
  for (const auto& record : timeline.records) {
    if (record.answered()) times.push_back(*record.replied_s - *record.sent_s);
  }
  const auto waited = compute_spread(times);
  if (!waited) return "";
  return format_count(times.size(), "slow client was", "slow clients were") + " answered " +
         format_spread(*waited, times.size()) + " after sending.";
}

// A full queue drops the SYN, and the client resends it after a second (RFC 6298, section 2).
constexpr double retry_s = 0.9;

// True if the client connected late, or gave up after trying for as long.
bool connected_late(const ClientRecord& record) {
  const bool gave_up =
      record.failure && record.failure->kind == FailureKind::timed_out && !record.connected_s;
  const auto until = gave_up ? record.ended_s : record.connected_s;
  return until && *until - record.connecting_s >= retry_s;
}

std::string describe_queue(const Timeline& timeline) {
  const std::size_t late = count_clients(timeline, connected_late);
  if (late == 0) return "";
  const std::size_t reset = count_clients(timeline, [](const ClientRecord& record) {
    return connected_late(record) && record.failure && record.failure->kind == FailureKind::reset;
  });
  std::string text =
      format_count(late, "client", "clients") +
      " waited a second or longer for a connection: when the listen queue is full, the kernel drops the SYN, "
      "and the client resends it after a second.";
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
  const std::size_t failed = count_failed(timeline);
  const std::size_t open =
      count_clients(timeline, [](const ClientRecord& record) { return !record.ended_s; });
  const std::string of_all = " of " + format_count(timeline.records.size(), "client", "clients");
  std::string failures;
  if (failed == timeline.records.size()) {
    const auto count = std::to_string(failed);
    failures = "No client got a correct reply (" + count + " of " + count + " failed).";
  } else if (failed > 0) {
    failures = std::to_string(failed) + of_all + " failed.";
  }
  if (open == 0) return failures;
  return "Stopped after " + format_time(timeline.now_s) + "; " + std::to_string(open) + of_all +
         " had not finished." + (failed == 0 ? "" : " ") + failures;
}

}  // namespace

std::string summarize(const Timeline& timeline) {
  const auto quick = quick_waits(timeline);
  const auto answered = quick ? describe_quick(timeline, *quick) : describe_slow_alone(timeline);
  std::string text;
  for (const auto& part : {describe_failures(timeline), answered, describe_queue(timeline)}) {
    if (!text.empty() && !part.empty()) text += ' ';
    text += part;
  }
  return text;
}

std::string format_timeline_json(const Timeline& timeline) {
  constexpr int decimals = 6;
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.begin_array("clients");
  for (const auto& record : timeline.records) {
    const bool running = !record.failure && !record.ended_s;
    json.break_line();
    json.begin_object();
    json.member("id", record.id);
    json.member("slow", record.slow);
    json.member("started_s", record.started_s, decimals);
    json.member("connected_s", record.connected_s, decimals);
    json.member("sent_s", record.sent_s, decimals);
    json.member("replied_s", record.replied_s, decimals);
    json.member("ok", record.answered());
    json.member("error", running          ? std::optional<std::string>("stopped")
                         : record.failure ? std::optional(record.failure->message)
                                          : std::nullopt);
    json.end_object();
  }
  json.break_line();
  json.end_array();
  const auto quick = quick_waits(timeline);
  json.member("server", timeline.server);
  json.member("slow", count_slow(timeline));
  json.member("delay_s", std::chrono::duration<double>(timeline.delay).count(), decimals);
  json.member("quick_wait_median_s", quick ? std::optional(quick->median) : std::nullopt, decimals);
  json.member("quick_wait_max_s", quick ? std::optional(quick->max) : std::nullopt, decimals);
  json.member("errors",
              count_clients(timeline, [](const ClientRecord& record) { return !record.answered(); }));
  json.end_object();
  return text + "\n";
}

}  // namespace tcpserver::client
