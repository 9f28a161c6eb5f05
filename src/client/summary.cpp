#include "tcpserver/base/values.hpp"

#include "client/timeline.hpp"

#include <algorithm>
#include <limits>

namespace tcpserver::client {

namespace {

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

bool is_slow_and_has_sent(const ClientLife& life) {
  return life.slow && life.sent_s;
}

bool is_quick_and_answered(const ClientLife& life) {
  return !life.slow && life.answered();
}

double delay_seconds(const Timeline& timeline) {
  return std::chrono::duration<double>(timeline.delay).count();
}

// "0.5 ms", or "0.5 ms (median; 0.4 ms to 0.9 ms)".
std::string spread_text(const Spread& spread, std::size_t count) {
  const std::string median = time_text(spread.median);
  if (count == 1) return median;
  return median + " (median; " + time_text(spread.least) + " to " + time_text(spread.largest) + ")";
}

std::string describe_holds(std::size_t slow) {
  if (slow == 1) return "client 1 held its connection";
  return "the " + std::to_string(slow) + " slow ones held their connections";
}

// Of a wait beside a delay: is it the delay, or nothing beside it? Between the two nothing is said, nor of a
// delay that is no longer than what connecting and forking take.
constexpr double as_long_as = 0.9;
constexpr double nothing_beside = 0.1;
constexpr double least_delay = 0.02;

// What the quick ones' waits tell of the server, as the end of a sentence about them. Nothing where some
// clients, who may have waited as well, were not answered.
std::string conclusion(const Timeline& timeline, const Spread& waited) {
  const double delay = delay_seconds(timeline);
  const std::size_t answered =
      count_clients(timeline, [](const ClientLife& life) { return life.answered(); });
  if (delay < least_delay || answered < timeline.lives.size()) return ".";
  double last_slow_reply = 0;
  double first_quick_reply = std::numeric_limits<double>::infinity();
  for (const auto& life : timeline.lives) {
    if (life.slow) last_slow_reply = std::max(last_slow_reply, *life.replied_s);
    if (!life.slow) first_quick_reply = std::min(first_quick_reply, *life.replied_s);
  }
  const std::size_t slow = slow_count(timeline);
  const std::string slow_ones = slow == 1 ? "it." : "them.";
  if (waited.least >= as_long_as * delay && first_quick_reply >= last_slow_reply) {
    return (answered - slow == 1 ? ": it was served after " : ": they were served after ") + slow_ones;
  }
  if (waited.largest <= nothing_beside * delay) return ": nobody waited for " + slow_ones;
  return ".";
}

// How long the quick ones waited behind the slow ones.
std::string describe_quick(const Timeline& timeline, const Spread& waited) {
  const std::size_t slow = slow_count(timeline);
  const std::size_t answered = count_clients(timeline, is_quick_and_answered);
  const bool all = answered + slow == timeline.lives.size();
  const std::string kind = slow == 0 ? "client" : "quick client";
  std::string text = all && slow == 0 ? "" : "The ";
  text += answered == 1 && slow > 0 ? kind : counted(answered, kind, kind + "s");
  if (!all) text += answered == 1 ? " that was answered" : " that were answered";
  text += " waited " + spread_text(waited, answered);
  // Only holds that lasted the whole delay are something to compare with.
  const bool held = slow > 0 && count_clients(timeline, is_slow_and_has_sent) == slow;
  if (!held) return text + ".";
  return text + ", while " + describe_holds(slow) + " for " + base::duration_text(timeline.delay) +
         conclusion(timeline, waited);
}

// Where there is no quick one: what they waited once they had sent.
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

std::string describe_answered(const Timeline& timeline) {
  const auto quick = quick_waits(timeline);
  return quick ? describe_quick(timeline, *quick) : describe_slow_alone(timeline);
}

// A SYN that met a full queue is dropped, and sent again after a second (RFC 6298, section 2).
constexpr double retry_s = 0.9;

// Connected late, or gave up after having tried for so long.
bool connected_late(const ClientLife& life) {
  const bool gave_up = life.failure && life.failure->trouble == Trouble::timed_out && !life.connected_s;
  const auto until = gave_up ? life.ended_s : life.connected_s;
  return until && *until - life.dialled_s >= retry_s;
}

bool connected_late_and_reset(const ClientLife& life) {
  return connected_late(life) && life.failure && life.failure->trouble == Trouble::reset;
}

std::string describe_queue(const Timeline& timeline) {
  const std::size_t late = count_clients(timeline, connected_late);
  if (late == 0) return "";
  const std::size_t reset = count_clients(timeline, connected_late_and_reset);
  std::string text =
      counted(late, "client was", "clients were") +
      " connecting for a second or longer, as happens at a full listen queue: it drops the SYN, "
      "which is sent again a second later.";
  // Linux answers with a cookie when there are more half-open connections than the backlog, and keeps nothing
  // of the client. Its ACK then finds no place, its next segment no connection (tcp_syncookies, tcp(7)).
  if (reset > 0) {
    text +=
        " " + std::to_string(reset) +
        (reset == 1 ? " of them was reset, as happens to one" : " of them were reset, as happens to those") +
        " whose SYN was answered with a SYN cookie when there still was no place.";
  }
  return text;
}

std::string describe_rest(const Timeline& timeline) {
  const std::size_t failed =
      count_clients(timeline, [](const ClientLife& life) { return life.failure.has_value(); });
  const std::size_t open = count_clients(timeline, [](const ClientLife& life) { return !life.ended_s; });
  const std::string of_all = " of " + counted(timeline.lives.size(), "client", "clients");
  const std::string no_reply = failed == 0 ? "" : std::to_string(failed) + of_all + " got no right reply.";
  if (open == 0) return no_reply;
  return "Stopped after " + time_text(timeline.now_s) + ", when " + std::to_string(open) + of_all +
         (open == 1 ? " was" : " were") + " not done." + (failed == 0 ? "" : " ") + no_reply;
}

}  // namespace

std::string summary(const Timeline& timeline) {
  std::string text;
  for (const auto& part : {describe_rest(timeline), describe_answered(timeline), describe_queue(timeline)}) {
    if (!text.empty() && !part.empty()) text += ' ';
    text += part;
  }
  return text;
}

}  // namespace tcpserver::client
