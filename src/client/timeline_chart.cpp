#include "tcpserver/base/values.hpp"

#include "client/timeline.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace tcpserver::client {

namespace {

// How a phase is drawn. Black or white on a colour whose brightness differs from the others', so that the
// sign can be read and the colour told apart by whoever sees no red.
struct Ink {
  char sign;
  std::string_view colour;  // SGR
};
constexpr Ink connecting{'.', "\x1b[30;43m"};
constexpr Ink holding{'=', "\x1b[30;46m"};
constexpr Ink waiting{'#', "\x1b[37;41m"};
constexpr Ink failed{'x', "\x1b[1m"};
constexpr std::string_view plain = "\x1b[0m";

constexpr std::string_view result_title = "reply after";
constexpr std::size_t least_bar = 10;

std::string drawn(const Ink& ink, std::size_t count, bool colours) {
  if (count == 0) return "";
  const std::string signs(count, ink.sign);
  return colours ? std::string(ink.colour).append(signs).append(plain) : signs;
}

// The smallest round number that is not below: 1, 1.2, 1.5, 2, ... times a power of ten.
double round_up(double seconds) {
  constexpr std::array steps{1.0, 1.2, 1.5, 2.0, 2.2, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0};
  for (double power = 1e-6;; power *= 10) {
    for (const double step : steps) {
      if (step * power >= seconds) return step * power;
    }
  }
}

// Columns of the chart, and what they stand for.
struct Scale {
  std::size_t label_width;
  std::size_t bar_width;
  double axis_s;  // what the whole bar stands for

  [[nodiscard]] std::size_t column(double at_s) const {
    const auto column = std::lround(at_s / axis_s * static_cast<double>(bar_width));
    return std::min(static_cast<std::size_t>(std::max(column, 0L)), bar_width);
  }
};

Scale scale_for(const Timeline& timeline, std::size_t columns) {
  Scale scale{};
  scale.label_width = std::to_string(timeline.lives.size()).size() + (slow_count(timeline) > 0 ? 6 : 1);
  const std::size_t taken = scale.label_width + 1 + trouble_width + 1;
  scale.bar_width = std::max(columns, taken + least_bar) - taken;
  double end = 1e-6;
  for (const auto& life : timeline.lives) end = std::max(end, life.ended_s.value_or(timeline.now_s));
  // While it goes on: so that a slow client's end has its place from the beginning.
  if (!timeline.over && slow_count(timeline) > 0)
    end = std::max(end, std::chrono::duration<double>(timeline.delay).count() * 1.02);
  scale.axis_s = round_up(end);
  return scale;
}

std::string tick_text(double seconds, double axis_s) {
  const double unit = axis_s >= 1 ? 1 : axis_s >= 1e-3 ? 1e-3 : 1e-6;
  if (seconds == 0) return "0";
  return base::formatted(unit == 1 ? "%g s" : unit == 1e-3 ? "%g ms" : "%g us", seconds / unit);
}

// "|0     |0.5 s    |1 s": each mark stands at its time.
std::string axis(const Scale& scale) {
  constexpr double least_distance = 9;  // columns: "|1500 ms" and a blank
  double step = 1e-6;
  for (int i = 0; step / scale.axis_s * static_cast<double>(scale.bar_width) < least_distance; ++i) {
    step *= i % 3 == 1 ? 2.5 : 2;  // 1, 2, 5, 10, ...
  }
  std::string line;
  for (int i = 0;; ++i) {
    const double at = step * i;
    const auto text = "|" + tick_text(at, scale.axis_s);
    const std::size_t column = scale.column(at);
    if (at > scale.axis_s * 1.0001 || (i > 0 && column + text.size() > scale.bar_width)) break;
    line.resize(column, ' ');
    line += text;
  }
  line.resize(scale.bar_width, ' ');
  return std::string(scale.label_width, ' ') + line +
         std::string(1 + trouble_width - result_title.size(), ' ') + std::string(result_title);
}

// " 1 slow ", " 2      ".
std::string format_label(const ClientLife& life, const Timeline& timeline, const Scale& scale) {
  const std::string id = std::to_string(life.id);
  std::string label(std::to_string(timeline.lives.size()).size() - id.size(), ' ');
  label += id;
  if (life.slow) label += " slow";
  label.resize(scale.label_width, ' ');
  return label;
}

std::string format_result(const ClientLife& life) {
  if (life.failure) return facts_about(life.failure->trouble).name;
  return life.replied_s ? time_text(life.wait_s()) : "";
}

// Where the phases of a life begin and end, in columns.
struct Bar {
  std::size_t start, connected, sent, end;
  bool cross;  // behind the end: it failed
};

Bar make_bar(const ClientLife& life, double now_s, const Scale& scale) {
  const double end_s = life.failure ? *life.ended_s : life.replied_s.value_or(now_s);
  const bool cross = life.failure.has_value();
  const std::size_t last = scale.bar_width - (cross ? 1 : 0);
  Bar bar{.start = scale.column(life.started_s),
          .connected = scale.column(life.connected_s.value_or(end_s)),
          .sent = scale.column(life.sent_s.value_or(end_s)),
          .end = std::min(scale.column(end_s), last),
          .cross = cross};
  // What was waited for is seen, however short the wait: it has a column, if need be of what came before.
  if (life.sent_s) {
    bar.end = std::clamp(bar.sent + 1, bar.end, last);
    bar.sent = std::min(bar.sent, bar.end - 1);
  }
  bar.sent = std::min(bar.sent, bar.end);
  // A quick one does not hold: what lies between the two is this program's own time.
  bar.connected = life.slow ? std::min(bar.connected, bar.sent) : bar.sent;
  bar.start = std::min(bar.start, bar.connected);
  return bar;
}

std::string row(const ClientLife& life, const Timeline& timeline, const Scale& scale, bool colours) {
  const Bar bar = make_bar(life, timeline.now_s, scale);
  std::string line = format_label(life, timeline, scale) + std::string(bar.start, ' ') +
                     drawn(connecting, bar.connected - bar.start, colours) +
                     drawn(holding, bar.sent - bar.connected, colours) +
                     drawn(waiting, bar.end - bar.sent, colours) + drawn(failed, bar.cross ? 1 : 0, colours);
  const std::string result = format_result(life);
  if (result.empty()) return line;
  const std::size_t drawn_columns = bar.end + (bar.cross ? 1 : 0);
  return line.append(scale.bar_width + 1 + trouble_width - drawn_columns - result.size(), ' ') + result;
}

// Which clients have a row, in their order.
std::vector<const ClientLife*> choose_rows(const Timeline& timeline, std::size_t most) {
  std::vector<const ClientLife*> rows;
  const auto take = [&](std::size_t up_to, auto wanted) {
    for (const auto& life : timeline.lives) {
      if (rows.size() < up_to && wanted(life)) rows.push_back(&life);
    }
  };
  if (timeline.lives.size() > most) {
    take((most + 1) / 2, [](const ClientLife& life) { return life.failure.has_value(); });
  }
  take(most, [&](const auto& life) { return std::find(rows.begin(), rows.end(), &life) == rows.end(); });
  std::sort(rows.begin(), rows.end());
  return rows;
}

// Of the clients that have no row.
std::string sum_up(const Timeline& timeline, const std::vector<const ClientLife*>& rows) {
  std::vector<double> times;
  std::size_t failures = 0;
  std::size_t rest = 0;
  for (const auto& life : timeline.lives) {
    if (std::binary_search(rows.begin(), rows.end(), &life)) continue;
    ++rest;
    if (life.answered()) times.push_back(life.wait_s());
    if (life.failure) ++failures;
  }
  std::string text = "and " + std::to_string(rest) + " more: " + std::to_string(times.size()) + " answered";
  if (const auto spread = compute_spread(times)) {
    text += " after " + time_text(spread->least) + " to " + time_text(spread->largest) + ", median " +
            time_text(spread->median);
  }
  if (failures > 0) text += "; " + std::to_string(failures) + " failed";
  return text;
}

std::string heading(const Timeline& timeline) {
  const std::size_t slow = slow_count(timeline);
  const std::size_t count = timeline.lives.size();
  std::string text = std::to_string(count) + (count == 1 ? " client of " : " clients of ") + timeline.server;
  if (slow == 0) return text;
  text += slow == 1 ? "; client 1 holds its connection for "
                    : "; the first " + std::to_string(slow) + " hold their connections for ";
  return text + base::duration_text(timeline.delay);
}

std::string legend(const Timeline& timeline, const Scale& scale, bool colours) {
  const bool some_failed = std::any_of(timeline.lives.begin(), timeline.lives.end(),
                                       [](const auto& life) { return life.failure.has_value(); });
  return std::string(scale.label_width, ' ') + drawn(connecting, 1, colours) + " connecting   " +
         drawn(holding, 1, colours) + " holding   " + drawn(waiting, 1, colours) + " waiting for the reply" +
         (some_failed ? "   " + drawn(failed, 1, colours) + " failed" : "");
}

}  // namespace

std::vector<std::string> chart(const Timeline& timeline, ChartSize size, bool colours) {
  const Scale scale = scale_for(timeline, size.columns);
  const auto rows = choose_rows(timeline, size.most_rows);
  std::vector<std::string> lines{heading(timeline), axis(scale)};
  for (const auto* const life : rows) lines.push_back(row(*life, timeline, scale, colours));
  if (rows.size() < timeline.lives.size()) lines.push_back(sum_up(timeline, rows));
  lines.push_back(legend(timeline, scale, colours));
  return lines;
}

}  // namespace tcpserver::client
