#include "backlog/sizing.hpp"

#include "tcpserver/base/process.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/kernel/socket_facts.hpp"

#include "backlog/accept_time.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace tcpserver::backlog {

namespace {

using base::format_text;

// Returns the length that an M/M/1 queue exceeds with a probability of one in a million.
double find_rarely_exceeded(double utilization) {
  constexpr double rare = 1e-6;
  if (utilization <= 0) return 0;
  if (utilization >= 1) return most_counted;
  return std::log(rare) / std::log(utilization);
}

// Leaves whole numbers unchanged; other numbers get at least four significant digits.
std::string format_number(double value) {
  const bool large = std::abs(value) >= 1000 && std::abs(value) <= 1e15;
  return format_text(large || value == std::floor(value) ? "%.0f" : "%.4g", value);
}

// Returns a text such as "800 us" or "1.5 s".
std::string format_time(double seconds) {
  if (seconds == 0 || seconds >= 1) return format_number(seconds) + " s";
  if (seconds >= 1e-3) return format_number(seconds * 1e3) + " ms";
  if (seconds >= 1e-6) return format_number(seconds * 1e6) + " us";
  return format_number(seconds * 1e9) + " ns";
}

std::string format_memory(double bytes) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  double value = bytes / 1024;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return format_text("%.3g %s", value, units[unit]);
}

std::string format_whole(double value) {
  return value >= most_counted ? "more than 10^15" : format_text("%.0f", round_up(value));
}

constexpr std::size_t subject_width = 16;

// Adds a line: its subject, then the calculation.
void add(std::string& text, std::string subject, const std::string& line) {
  subject.resize(std::max(subject_width, subject.size() + 1), ' ');
  text += subject + line + "\n";
}

// Breaks long lines; the rest of a line begins below its calculation.
std::string wrap(std::string_view text, std::size_t width) {
  std::string wrapped;
  while (!text.empty()) {
    const auto line = base::take_until(text, '\n');
    const bool has_subject = !line.starts_with(' ');
    wrapped += base::wrap_lines(line, width, has_subject ? subject_width : 0) + "\n";
  }
  return wrapped;
}

std::string format_burst(const Load& load, const Sizing& sizing) {
  const std::string burst = format_number(load.burst) + " per second for " + format_time(load.burst_length);
  if (load.burst == load.rate) return "none above the mean rate";
  if (load.burst <= sizing.capacity) return burst + ", within capacity";
  return burst + ": " + format_number(load.burst - sizing.capacity) + " per second above capacity";
}

std::string format_random_arrivals(const Sizing& sizing) {
  const std::string line = "at most about " + format_whole(sizing.by_chance) + " waiting";
  if (sizing.growth < 1) return line;
  return line +
         (sizing.by_chance > sizing.with_headroom ? ", more than the headroom" : ", within the headroom");
}

void add_system(std::string& text, double backlog, std::optional<std::uint64_t> somaxconn, int largest) {
  const bool too_low = somaxconn && static_cast<double>(*somaxconn) < backlog;
  add(text, "kernel limit",
      "net.core.somaxconn " + (somaxconn ? std::to_string(*somaxconn) : "unknown") +
          (too_low     ? ": too low"
           : somaxconn ? ": high enough"
                       : "") +
          "; applies to all programs, also to tcpserver --backlog max");
  if (backlog > std::numeric_limits<int>::max()) {
    add(text, "", "listen(2) does not accept such a number: shorten the accept time or add servers");
    return;
  }
  if (too_low) add(text, "", "to raise it: sysctl -w net.core.somaxconn=" + format_whole(backlog));
  if (backlog > largest) {
    add(text, "",
        "tcpserver reduces a number above SOMAXCONN " + std::to_string(largest) + ": use --backlog max");
  }
}

void add_costs(std::string& text, const Sizing& sizing) {
  const double last_wait = sizing.backlog / sizing.capacity;
  add(text, "cost",
      "memory: up to " + format_memory(sizing.backlog * bytes_per_waiting_connection) + " (" +
          format_number(bytes_per_waiting_connection) + " bytes per connection, Linux 6.18)");
  add(text, "", "wait: " + format_time(last_wait) + " for the last client of a full queue");
  if (last_wait > first_retry_after) {
    add(text, "",
        "this is longer than the first SYN retry (" + format_time(first_retry_after) +
            "); the server also accepts clients that have given up");
  }
  add(text, "",
      "SYN flood: " + format_whole(sizing.backlog) + " half-open connections before SYN cookies start");
}

std::string format_measured(const AcceptTime& measured) {
  const double seconds = std::chrono::duration<double>(measured.each).count();
  std::string text;
  add(text, "accept time",
      (measured.at_most ? "at most " : "") + format_time(seconds) + ", measured with " +
          std::to_string(measured.connections) + " connections to " + measured.listener.text());
  if (measured.in_bursts) add(text, "", "approximate: the server accepts clients in batches");
  add(text, "", "clients that send data may take longer if the server serves one at a time");
  return text;
}

void write_measured(base::JsonWriter& json, const AcceptTime& measured) {
  json.begin_object("measured");
  json.member("listener", measured.listener.text());
  json.member("connections", measured.connections);
  json.member("at_most", measured.at_most);
  json.member("in_bursts", measured.in_bursts);
  json.end_object();
}

}  // namespace

double round_up(double value) noexcept {
  return std::ceil(value - std::min(value * 1e-12, 1e-3));
}

Sizing size_backlog(const Load& load) {
  Sizing sizing;
  sizing.capacity = 1 / load.accept_time;
  sizing.carried = load.rate < sizing.capacity;
  if (!sizing.carried) return sizing;

  const double excess = std::max(0.0, load.burst - sizing.capacity);
  sizing.growth = std::min(excess * load.burst_length, most_counted);
  sizing.with_headroom = std::min(sizing.growth * load.headroom, most_counted);

  double burst_by_chance = sizing.growth + 3 * std::sqrt(load.burst * load.burst_length);
  if (excess == 0) {
    burst_by_chance = std::min(burst_by_chance, find_rarely_exceeded(load.burst / sizing.capacity));
  }
  sizing.by_chance = std::max(find_rarely_exceeded(load.rate / sizing.capacity), burst_by_chance);
  sizing.backlog = std::max({1.0, round_up(sizing.with_headroom), round_up(sizing.by_chance)});
  sizing.backlog = std::min(sizing.backlog, most_counted);
  sizing.longest_wait = sizing.growth / sizing.capacity;
  sizing.empty_after = sizing.growth / (sizing.capacity - load.rate);
  return sizing;
}

std::string format_sizing(const Load& load, const Sizing& sizing, std::optional<std::uint64_t> somaxconn,
                          int largest) {
  std::string text;
  add(text, "capacity",
      "1 / " + format_time(load.accept_time) + " = " + format_number(sizing.capacity) +
          " accepts per second");
  const std::string share = format_text("%.3g %% of capacity", load.rate / sizing.capacity * 100);
  if (!sizing.carried) {
    add(text, "mean rate", format_number(load.rate) + " per second, " + share + ": too high");
    add(text, "backlog",
        "no backlog helps: more clients arrive than the server accepts, so any queue fills up");
    add(text, "", "shorten the accept time (for example, fork per connection) or add a server");
    return text;
  }
  constexpr double nearly_all = 0.95;
  const bool barely = load.rate / sizing.capacity >= nearly_all;
  add(text, "mean rate",
      format_number(load.rate) + " per second, " + share +
          (barely ? ": close to capacity" : ": the server keeps up"));
  add(text, "burst", format_burst(load, sizing));
  if (sizing.growth > 0 && sizing.growth < 1) {
    add(text, "queue grows to", "less than 1 connection");
  } else if (sizing.growth > 0) {
    add(text, "queue grows to",
        "(" + format_number(load.burst) + " - " + format_number(sizing.capacity) + ") x " +
            format_time(load.burst_length) + " = " + format_whole(sizing.growth) +
            " connections; the last waits " + format_time(sizing.longest_wait));
    add(text, "headroom",
        format_whole(sizing.growth) + " x " + format_number(load.headroom) + " = " +
            format_whole(sizing.with_headroom));
  }
  add(text, "random arrivals", format_random_arrivals(sizing));
  if (sizing.growth >= 1) {
    add(text, "empty again",
        format_whole(sizing.growth) + " / (" + format_number(sizing.capacity) + " - " +
            format_number(load.rate) + ") = " + format_time(sizing.empty_after) + " after the burst");
  }
  add(text, "backlog", format_whole(sizing.backlog));
  add_system(text, sizing.backlog, somaxconn, largest);
  add_costs(text, sizing);
  return text;
}

void write_sizing(base::JsonWriter& json, const Load& load, const Sizing& sizing,
                  std::optional<std::uint64_t> somaxconn, int largest) {
  const auto result = [&sizing](double value) {
    return sizing.carried ? std::optional(value) : std::nullopt;
  };
  json.member("rate_per_s", load.rate);
  json.member("burst_per_s", load.burst);
  json.member("burst_length_s", load.burst_length);
  json.member("headroom", load.headroom);
  json.member("accept_time_s", load.accept_time);
  json.member("capacity_per_s", sizing.capacity);
  json.member("carried", sizing.carried);
  json.member("queue_growth", result(sizing.growth));
  json.member("with_headroom", result(sizing.with_headroom));
  json.member("by_chance", result(sizing.by_chance));
  json.member("backlog", result(sizing.backlog));
  json.member("longest_wait_s", result(sizing.longest_wait));
  json.member("empty_after_s", result(sizing.empty_after));
  json.member("memory_bytes", result(sizing.backlog * bytes_per_waiting_connection));
  json.member("somaxconn", largest);
  json.member("net_core_somaxconn", somaxconn);
}

base::ExitStatus run(const SizeOptions& options) {
  std::optional<AcceptTime> measured;
  if (options.measure) {
    base::raise_descriptor_limit();  // the clients of a round are open at the same time
    measured = measure_accept_time(*options.measure);
  }
  using Seconds = std::chrono::duration<double>;
  const Load load{.rate = options.rate,
                  .burst = options.burst.value_or(options.rate),
                  .accept_time = Seconds(measured ? measured->each : options.accept_time).count(),
                  .burst_length = Seconds(options.burst_length).count(),
                  .headroom = options.headroom};
  const auto sizing = size_backlog(load);
  const auto somaxconn = kernel::somaxconn_sysctl();
  std::string text;
  if (options.json) {
    base::JsonWriter json(text);
    json.begin_object();
    if (measured) write_measured(json, *measured);
    write_sizing(json, load, sizing, somaxconn, SOMAXCONN);
    json.end_object();
    text += "\n";
  } else {
    if (measured) text = format_measured(*measured);
    text += format_sizing(load, sizing, somaxconn, SOMAXCONN);
    if (measured && measured->at_most && !sizing.carried) {
      add(text, "", "the true accept time is lower: measure again with a longer backlog");
    }
  }
  const auto width = base::prose_width();
  base::print(width && !options.json ? wrap(text, *width) : text);
  return base::ExitStatus::ok;
}

}  // namespace tcpserver::backlog
