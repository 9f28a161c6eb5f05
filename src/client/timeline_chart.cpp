#include "tcpserver/base/values.hpp"

#include "client/timeline.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace tcpserver::client {

namespace {

using base::format_time;

// The sign and colour of a phase. The colours differ in brightness for colour-blind people.
struct PhaseStyle {
  char sign;
  std::string_view colour;  // SGR
};
constexpr PhaseStyle connecting{'.', "\x1b[30;43m"};
constexpr PhaseStyle holding{'=', "\x1b[30;46m"};
constexpr PhaseStyle waiting{'#', "\x1b[37;41m"};
constexpr PhaseStyle failed{'x', "\x1b[1m"};
constexpr std::string_view plain = "\x1b[0m";

constexpr std::string_view result_title = "reply after";
constexpr std::size_t least_bar = 10;

std::string draw_segment(const PhaseStyle& style, std::size_t count, bool colours) {
  if (count == 0) return "";
  const std::string signs(count, style.sign);
  return colours ? std::string(style.colour).append(signs).append(plain) : signs;
}

// The next round number: 1, 1.2, 1.5, 2, ... times a power of ten.
double round_up(double seconds) {
  constexpr std::array steps{1.0, 1.2, 1.5, 2.0, 2.2, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0};
  for (double power = 1e-6;; power *= 10) {
    for (const double step : steps) {
      if (step * power >= seconds) return step * power;
    }
  }
}

struct Scale {
  std::size_t label_width;
  std::size_t bar_width;
  double axis_s;  // the time of a whole bar

  [[nodiscard]] std::size_t column(double at_s) const {
    const auto column = std::lround(at_s / axis_s * static_cast<double>(bar_width));
    return std::min(static_cast<std::size_t>(std::max(column, 0L)), bar_width);
  }
};

Scale make_scale(const Timeline& timeline, std::size_t columns) {
  Scale scale{};
  scale.label_width = std::to_string(timeline.records.size()).size() + (count_slow(timeline) > 0 ? 6 : 1);
  const std::size_t taken = scale.label_width + 1 + failure_width + 1;
  scale.bar_width = std::max(columns, taken + least_bar) - taken;
  double end = 1e-6;
  for (const auto& record : timeline.records) end = std::max(end, record.ended_s.value_or(timeline.now_s));
  // During the run, the axis includes the end of the slow clients.
  if (!timeline.finished && count_slow(timeline) > 0)
    end = std::max(end, std::chrono::duration<double>(timeline.delay).count() * 1.02);
  scale.axis_s = round_up(end);
  return scale;
}

std::string format_tick(double seconds, double axis_s) {
  if (seconds == 0) return "0";
  if (axis_s >= 1) return base::format_text("%g s", seconds);
  return axis_s >= 1e-3 ? base::format_text("%g ms", seconds * 1e3)
                        : base::format_text("%g us", seconds * 1e6);
}

// "|0     |0.5 s    |1 s": each mark is at its time.
std::string draw_axis(const Scale& scale) {
  constexpr double least_distance = 9;  // columns: "|1500 ms" and a blank
  double step = 1e-6;
  for (int i = 0; step / scale.axis_s * static_cast<double>(scale.bar_width) < least_distance; ++i) {
    step *= i % 3 == 1 ? 2.5 : 2;  // 1, 2, 5, 10, ...
  }
  std::string line;
  for (int i = 0;; ++i) {
    const double at = step * i;
    const auto text = "|" + format_tick(at, scale.axis_s);
    const std::size_t column = scale.column(at);
    if (at > scale.axis_s * 1.0001 || (i > 0 && column + text.size() > scale.bar_width)) break;
    line.resize(column, ' ');
    line += text;
  }
  line.resize(scale.bar_width, ' ');
  return std::string(scale.label_width, ' ') + line +
         std::string(1 + failure_width - result_title.size(), ' ') + std::string(result_title);
}

// The label, the bar and the result of a client.
std::string draw_row(const ClientRecord& record, const Timeline& timeline, const Scale& scale, bool colours) {
  const std::string all = std::to_string(timeline.records.size());
  std::string label = std::to_string(record.id);
  label.insert(0, all.size() - label.size(), ' ');
  if (record.slow) label += " slow";
  label.resize(scale.label_width, ' ');

  const double end_s = record.failure ? *record.ended_s : record.replied_s.value_or(timeline.now_s);
  const std::size_t cross = record.failure ? 1 : 0;
  const std::size_t last = scale.bar_width - cross;
  std::size_t end = std::min(scale.column(end_s), last);
  std::size_t sent = scale.column(record.sent_s.value_or(end_s));
  // Each wait has at least one column, at the cost of the previous phase if necessary.
  if (record.sent_s) {
    end = std::clamp(sent + 1, end, last);
    sent = std::min(sent, end - 1);
  }
  sent = std::min(sent, end);
  // A quick client does not hold. Its time between connecting and sending is overhead of this program.
  const auto connected =
      record.slow ? std::min(scale.column(record.connected_s.value_or(end_s)), sent) : sent;
  const auto start = std::min(scale.column(record.started_s), connected);

  std::string line = label + std::string(start, ' ') + draw_segment(connecting, connected - start, colours) +
                     draw_segment(holding, sent - connected, colours) +
                     draw_segment(waiting, end - sent, colours) + draw_segment(failed, cross, colours);
  const std::string waited = record.replied_s ? format_time(record.wait_s()) : "";
  const std::string result = record.failure ? find_facts(record.failure->kind).name : waited;
  if (result.empty()) return line;
  return line.append(scale.bar_width + 1 + failure_width - end - cross - result.size(), ' ') + result;
}

// Describes the clients without a row.
std::string summarize_rest(const std::vector<const ClientRecord*>& clients) {
  std::vector<double> times;
  std::size_t failures = 0;
  for (const auto* const record : clients) {
    if (record->answered()) times.push_back(record->wait_s());
    if (record->failure) ++failures;
  }
  std::string text = std::to_string(clients.size()) + " more: " + std::to_string(times.size()) + " answered";
  if (const auto spread = compute_spread(times)) {
    text += " (" + format_time(spread->min) + " to " + format_time(spread->max) + ", median " +
            format_time(spread->median) + ")";
  }
  return failures == 0 ? text : text + ", " + std::to_string(failures) + " failed";
}

// One line shorter than `columns`, if possible.
std::string format_heading(const Timeline& timeline, std::size_t columns) {
  const std::size_t slow = count_slow(timeline);
  const std::size_t count = timeline.records.size();
  std::string text = std::to_string(count) + (count == 1 ? " client of " : " clients of ") + timeline.server;
  if (slow == 0) return text;
  const std::string hold = slow == 1 ? "; client 1 holds its connection for "
                                     : "; the first " + std::to_string(slow) + " hold their connections for ";
  const auto delay = base::format_duration(timeline.delay);
  return text.size() + hold.size() + delay.size() < columns ? text + hold + delay : text;
}

std::string draw_legend(const Timeline& timeline, const Scale& scale, bool colours) {
  return std::string(scale.label_width, ' ') + draw_segment(connecting, 1, colours) + " connecting   " +
         draw_segment(holding, 1, colours) + " holding   " + draw_segment(waiting, 1, colours) +
         " waiting for the reply" +
         (count_failed(timeline) > 0 ? "   " + draw_segment(failed, 1, colours) + " failed" : "");
}

}  // namespace

std::vector<std::string> draw_chart(const Timeline& timeline, std::size_t columns, std::size_t max_rows,
                                    bool colours) {
  const Scale scale = make_scale(timeline, columns);
  std::size_t rows_for_failed = std::min(count_failed(timeline), (max_rows + 1) / 2);
  std::size_t rows_for_others = max_rows - rows_for_failed;
  std::vector<std::string> lines{format_heading(timeline, columns), draw_axis(scale)};
  std::vector<const ClientRecord*> rest;
  for (const auto& record : timeline.records) {
    auto& left = record.failure && rows_for_failed > 0 ? rows_for_failed : rows_for_others;
    if (left > 0) {
      --left;
      lines.push_back(draw_row(record, timeline, scale, colours));
    } else {
      rest.push_back(&record);
    }
  }
  if (!rest.empty()) lines.push_back(summarize_rest(rest));
  lines.push_back(draw_legend(timeline, scale, colours));
  return lines;
}

}  // namespace tcpserver::client
