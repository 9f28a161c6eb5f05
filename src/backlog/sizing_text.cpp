#include "tcpserver/base/values.hpp"

#include "backlog/sizing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace tcpserver::backlog {

namespace {

using base::formatted;

// Whole numbers as such, others with four digits that count or more.
std::string number(double value) {
  const bool large = std::abs(value) >= 1000 && std::abs(value) <= 1e15;
  return formatted(large || value == std::floor(value) ? "%.0f" : "%.4g", value);
}

std::string memory_text(double bytes) {
  constexpr double kibi = 1024;
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  double value = bytes / kibi;
  while (value >= kibi && unit + 1 < units.size()) {
    value /= kibi;
    ++unit;
  }
  return formatted("%.3g %s", value, units[unit]);
}

std::string whole(double value) {
  return value >= most_counted ? "more than 10^15" : formatted("%.0f", round_up(value));
}

// A line of the sum: what it is about, then the sum.
void add(std::string& text, std::string_view what, const std::string& sum) {
  constexpr std::size_t column = 16;
  std::string line(what);
  line.resize(std::max(column, line.size() + 1), ' ');
  text += line + sum + "\n";
}

std::string percent(double part) {
  return formatted("%.3g %%", part * 100);
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

void add_system(std::string& text, double backlog, const kernel::KernelLimits& kernel, int largest) {
  const std::string system_limit = kernel.somaxconn ? std::to_string(*kernel.somaxconn) : "not known here";
  const bool above_largest = backlog > largest;
  const bool above_system = kernel.somaxconn && backlog > static_cast<double>(*kernel.somaxconn);
  const char* const verdict = above_largest || above_system ? "too little" : "enough";
  add(text, "the system",
      "SOMAXCONN " + std::to_string(largest) + ", net.core.somaxconn " + system_limit + ": " + verdict);
  if (backlog > std::numeric_limits<int>::max()) {
    add(text, "",
        "No listen(2) takes a number that long: a shorter accept time or more servers have to help.");
    return;
  }
  if (above_largest) {
    add(text, "", "tcpserver clamps to SOMAXCONN: a shorter accept time or a second server takes the rest.");
  }
  const double useful = above_largest ? largest : backlog;
  if (kernel.somaxconn && useful > static_cast<double>(*kernel.somaxconn)) {
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

}  // namespace

std::string exact_time_text(double seconds) {
  if (seconds == 0 || seconds >= 1) return number(seconds) + " s";
  if (seconds >= 1e-3) return number(seconds * 1e3) + " ms";
  if (seconds >= 1e-6) return number(seconds * 1e6) + " us";
  return number(seconds * 1e9) + " ns";
}

std::string sizing_text(const Load& load, const Sizing& sizing, const kernel::KernelLimits& kernel,
                        int largest) {
  std::string text;
  add(text, "capacity",
      "1 / " + exact_time_text(load.accept_time) + " = " + number(sizing.capacity) + " accepts a second");
  const std::string share = percent(load.rate / sizing.capacity) + " of the capacity";
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
  add_system(text, sizing.backlog, kernel, largest);
  add_costs(text, sizing);
  return text;
}

void write_sizing(base::JsonWriter& json, const Load& load, const Sizing& sizing,
                  const kernel::KernelLimits& kernel, int largest) {
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
  json.member("net_core_somaxconn", kernel.somaxconn);
}

}  // namespace tcpserver::backlog
