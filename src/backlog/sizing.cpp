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

using base::formatted;

// The length that an M/M/1 queue exceeds with this probability.
double rarely_exceeded(double utilization) {
  constexpr double rare = 1e-6;
  if (utilization <= 0) return 0;
  if (utilization >= 1) return most_counted;
  return std::log(rare) / std::log(utilization);
}

// Whole numbers unchanged, others with four significant digits or more.
std::string number(double value) {
  const bool large = std::abs(value) >= 1000 && std::abs(value) <= 1e15;
  return formatted(large || value == std::floor(value) ? "%.0f" : "%.4g", value);
}

// "800 us", "1.5 s".
std::string exact_time_text(double seconds) {
  if (seconds == 0 || seconds >= 1) return number(seconds) + " s";
  if (seconds >= 1e-3) return number(seconds * 1e3) + " ms";
  if (seconds >= 1e-6) return number(seconds * 1e6) + " us";
  return number(seconds * 1e9) + " ns";
}

std::string memory_text(double bytes) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  double value = bytes / 1024;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return formatted("%.3g %s", value, units[unit]);
}

std::string whole(double value) {
  return value >= most_counted ? "more than 10^15" : formatted("%.0f", round_up(value));
}

// Adds a line: its subject, then the calculation.
void add(std::string& text, std::string subject, const std::string& line) {
  constexpr std::size_t column = 16;
  subject.resize(std::max(column, subject.size() + 1), ' ');
  text += subject + line + "\n";
}

std::string burst_line(const Load& load, const Sizing& sizing) {
  const std::string burst = number(load.burst) + " a second for " + exact_time_text(load.burst_length);
  if (load.burst == load.rate) return "none above the mean rate";
  if (load.burst <= sizing.capacity) return burst + ": the capacity carries it";
  return burst + ": " + number(load.burst - sizing.capacity) + " a second more than the capacity";
}

std::string chance_line(const Sizing& sizing) {
  const std::string line =
      "clients come at random, not in step: rarely more than " + whole(sizing.by_chance) + " wait";
  if (sizing.growth < 1) return line;
  return line + (sizing.by_chance > sizing.with_headroom ? ", more than the headroom holds"
                                                         : ", which the headroom holds");
}

void add_system(std::string& text, double backlog, std::optional<std::uint64_t> somaxconn, int largest) {
  const auto is_below = [somaxconn](double length) {
    return somaxconn && static_cast<double>(*somaxconn) < length;
  };
  const bool above_largest = backlog > largest;
  add(text, "the system",
      "SOMAXCONN " + std::to_string(largest) + ", net.core.somaxconn " +
          (somaxconn ? std::to_string(*somaxconn) : "not known here") + ": " +
          (above_largest || is_below(backlog) ? "too little" : "enough"));
  if (backlog > std::numeric_limits<int>::max()) {
    add(text, "",
        "No listen(2) takes a number that long: a shorter accept time or more servers have to help.");
    return;
  }
  if (above_largest) {
    add(text, "", "tcpserver clamps to SOMAXCONN: a shorter accept time or a second server takes the rest.");
  }
  const double useful = std::min<double>(backlog, largest);
  if (is_below(useful)) {
    add(text, "",
        "The kernel cuts what listen asks for; raise it: sysctl -w net.core.somaxconn=" + whole(useful));
  }
}

void add_costs(std::string& text, const Sizing& sizing) {
  const double last_wait = sizing.backlog / sizing.capacity;
  add(text, "costs",
      "memory: up to " + memory_text(sizing.backlog * bytes_per_waiting_connection) + ", " +
          number(bytes_per_waiting_connection) + " bytes a waiting connection (Linux 6.18)");
  add(text, "", "time: the last of a full queue waits " + exact_time_text(last_wait));
  if (last_wait > first_retry_after) {
    add(text, "",
        "  That is longer than a dropped SYN waits for its first retry (" +
            exact_time_text(first_retry_after) + "): clients with short time-outs");
    add(text, "", "  may be gone by then, and each of them costs an accept all the same.");
  }
  add(text, "", "a target: on Linux as many half-open connections fit before a SYN flood meets cookies");
}

std::string measured_text(const AcceptTime& measured) {
  const double seconds = std::chrono::duration<double>(measured.each).count();
  std::string text;
  add(text, "accept time",
      (measured.at_most ? "at most " : "") + exact_time_text(seconds) + ", measured with " +
          std::to_string(measured.connections) + " connections to " + measured.listener.text());
  if (measured.in_bursts) {
    add(text, "", "(roughly: this server lets clients wait and then takes many at a time)");
  }
  add(text, "", "(clients that say nothing; a server of one client at a time takes longer for others)");
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
    burst_by_chance = std::min(burst_by_chance, rarely_exceeded(load.burst / sizing.capacity));
  }
  sizing.by_chance = std::max(rarely_exceeded(load.rate / sizing.capacity), burst_by_chance);
  sizing.backlog = std::max({1.0, round_up(sizing.with_headroom), round_up(sizing.by_chance)});
  sizing.backlog = std::min(sizing.backlog, most_counted);
  sizing.longest_wait = sizing.growth / sizing.capacity;
  sizing.empty_after = sizing.growth / (sizing.capacity - load.rate);
  return sizing;
}

std::string sizing_text(const Load& load, const Sizing& sizing, std::optional<std::uint64_t> somaxconn,
                        int largest) {
  std::string text;
  add(text, "capacity",
      "1 / " + exact_time_text(load.accept_time) + " = " + number(sizing.capacity) + " accepts a second");
  const std::string share = formatted("%.3g %% of the capacity", load.rate / sizing.capacity * 100);
  if (!sizing.carried) {
    add(text, "mean rate", number(load.rate) + " a second, " + share + ": too many");
    add(text, "backlog",
        "none helps: more clients come than are accepted, so a queue of any length fills and stays full.");
    add(text, "",
        "Shorten the accept time (where it has the whole session in it, a fork does), or add a server.");
    return text;
  }
  constexpr double nearly_all = 0.95;
  const bool barely = load.rate / sizing.capacity >= nearly_all;
  add(text, "mean rate",
      number(load.rate) + " a second, " + share +
          (barely ? ": carried, but a little slower and no backlog helps" : ": carried"));
  add(text, "burst", burst_line(load, sizing));
  if (sizing.growth > 0 && sizing.growth < 1) {
    add(text, "queue grows to", "less than 1 connection");
  } else if (sizing.growth > 0) {
    add(text, "queue grows to",
        "(" + number(load.burst) + " - " + number(sizing.capacity) + ") x " +
            exact_time_text(load.burst_length) + " = " + whole(sizing.growth) +
            " connections; the last of them waits " + exact_time_text(sizing.longest_wait));
    add(text, "headroom",
        whole(sizing.growth) + " x " + number(load.headroom) + " = " + whole(sizing.with_headroom));
  }
  add(text, "chance", chance_line(sizing));
  if (sizing.growth >= 1) {
    add(text, "empty again",
        whole(sizing.growth) + " / (" + number(sizing.capacity) + " - " + number(load.rate) +
            ") = " + exact_time_text(sizing.empty_after) + " after the burst");
  }
  add(text, "backlog", whole(sizing.backlog));
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
    if (measured) text = measured_text(*measured);
    text += sizing_text(load, sizing, somaxconn, SOMAXCONN);
    if (measured && measured->at_most && !sizing.carried) {
      add(text, "", "(The accept time is an upper bound: the server was faster than its short queue let be");
      add(text, "", "seen. Measure it with a longer backlog.)");
    }
  }
  base::print(text);
  return base::ExitStatus::ok;
}

}  // namespace tcpserver::backlog
