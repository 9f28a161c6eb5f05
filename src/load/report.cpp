#include "load/report.hpp"

#include "tcpserver/base/json.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <utility>

namespace tcpserver::load {

namespace {

using base::format_text;
using base::format_time;

constexpr struct {
  const char* name;
  const char* json_name;
  double share;
} quantiles[] = {{"p50", "p50", 0.5}, {"p90", "p90", 0.9}, {"p99", "p99", 0.99}, {"p99.9", "p999", 0.999}};

double to_seconds(base::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Returns the time for all rates: the duration of the run, or with --hold of opening. It is above zero,
// because JSON has no infinity.
double rated_seconds(const Result& result) {
  return std::max(to_seconds(result.opened_after.value_or(result.duration)), 1e-9);
}

double per_second(std::uint64_t count, const Result& result) {
  return static_cast<double>(count) / rated_seconds(result);
}

// Failed connections do not count.
double connections_per_second(const Result& result, const LoadOptions& options) {
  const bool hold = options.mode == LoadMode::hold;
  return per_second(hold ? result.latencies.count() : result.connections - result.errors(), result);
}

std::string format_count(std::uint64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

// "32 bytes", "64 KiB", "1 GiB": in the largest unit that divides the size.
std::string format_size(std::uint64_t bytes) {
  for (const auto& [shift, unit] : {std::pair(30U, " GiB"), std::pair(20U, " MiB"), std::pair(10U, " KiB")}) {
    if (bytes % (std::uint64_t{1} << shift) == 0) return std::to_string(bytes >> shift) + unit;
  }
  return format_count(bytes, "byte");
}

std::string describe_run(const LoadOptions& options) {
  const std::string messages = ", messages of " + format_size(options.size);
  const std::string connections = format_count(options.connections, "connection");
  switch (options.mode) {
    case LoadMode::connections:
      break;
    case LoadMode::hold:
      return "hold " + connections + " for " + base::format_duration(options.hold) + messages;
    case LoadMode::bulk:
      return format_count(options.connections, "stream") + " of " + format_size(options.size);
    case LoadMode::ping:
      return connections + ", " + format_count(options.round_trips, "round trip") + " each" + messages;
  }
  return connections + ", concurrency " + std::to_string(options.concurrency) + messages;
}

std::string format_rate(const Result& result, const LoadOptions& options) {
  const std::string in = " in " + format_time(rated_seconds(result));
  if (options.mode == LoadMode::bulk) {
    const double rate = per_second(result.bytes_received, result);
    return format_text("%.1f MB/s (%.1f MiB/s) in each direction,", rate / 1e6, rate / 0x1p20) + in;
  }
  if (options.mode == LoadMode::ping)
    return format_text("%.0f round trips per second", per_second(result.rounds, result)) + in;
  const auto text = format_text("%.0f connections per second", connections_per_second(result, options)) + in;
  return options.rate ? text + format_text(" (requested: %.9g)", *options.rate) : text;
}

// "1000 of 1200; 60 unanswered, 4 failed, 136 not started": all add up to 1200.
std::string format_answered(const Result& result, const LoadOptions& options) {
  std::string text = std::to_string(result.answered) + " of " + std::to_string(options.connections);
  const char* separator = "; ";
  for (const auto& [count, name] :
       {std::pair(result.unanswered(), " unanswered"), std::pair(result.failed, " failed"),
        std::pair(options.connections - result.started, " not started")}) {
    if (count > 0) text += std::exchange(separator, ", ") + std::to_string(count) + name;
  }
  return text;
}

std::string format_errors(const Result& result) {
  if (result.errors() == 0) return "none";
  std::string text;
  std::size_t kinds = 0;
  for (std::size_t i = 0; i < error_kinds.size(); ++i) {
    if (result.errors_by_kind[i] == 0) continue;
    std::string name = error_kinds[i].name;
    std::replace(name.begin(), name.end(), '_', ' ');
    text += (kinds++ > 0 ? ", " : "") + std::to_string(result.errors_by_kind[i]) + " " + name;
  }
  return kinds > 1 ? std::to_string(result.errors()) + ": " + text : text;
}

std::string format_latencies(const LatencyHistogram& latencies) {
  std::string text;
  for (const auto& [name, json_name, share] : quantiles) {
    text += std::string(name) + " " + format_time(to_seconds(latencies.quantile(share))) + ", ";
  }
  return text + "max " + format_time(to_seconds(latencies.longest()));
}

}  // namespace

std::vector<std::string> format_report(const Result& result, const LoadOptions& options) {
  std::vector<std::string> lines{result.server + ": " + describe_run(options)};
  const std::string duration = format_time(to_seconds(result.duration));
  if (result.signal != 0) lines.push_back("stopped   by a signal after " + duration);
  if (result.stalled) {
    lines.push_back("stalled   after " + duration + ": no progress for " +
                    base::format_duration(options.timeout));
  }
  const bool hold = options.mode == LoadMode::hold;
  if (hold || result.answered < options.connections)
    lines.push_back("answered  " + format_answered(result, options));
  lines.push_back("rate      " + format_rate(result, options));
  if (hold && result.holding) lines.push_back("held      " + std::to_string(result.held));
  lines.push_back("errors    " + format_errors(result));
  lines.push_back("bytes     " + std::to_string(result.bytes_sent) + " sent, " +
                  std::to_string(result.bytes_received) + " received" +
                  (result.errors() == 0 ? ", all as expected" : ""));
  if (result.latencies.count() > 0) lines.push_back("latency   " + format_latencies(result.latencies));
  lines.push_back("CPU time  " + format_time(to_seconds(result.processor_time)) + " used by tcpload");
  return lines;
}

namespace {

void write_latencies(base::JsonWriter& json, const LatencyHistogram& latencies) {
  constexpr int decimals = 3;
  const auto in_microseconds = [](base::Duration duration) { return to_seconds(duration) * 1e6; };
  json.break_line();
  if (latencies.count() == 0) {
    json.member("latency_us", nullptr);
  } else {
    json.begin_object("latency_us");
    for (const auto& [name, json_name, share] : quantiles) {
      json.member(json_name, in_microseconds(latencies.quantile(share)), decimals);
    }
    json.member("max", in_microseconds(latencies.longest()), decimals);
    json.end_object();
  }
  json.break_line();
  json.begin_array("histogram_us");
  for (const auto& bucket : latencies.buckets()) {
    json.begin_array();
    json.value(in_microseconds(bucket.upper), decimals);
    json.value(bucket.count);
    json.end_array();
  }
  json.end_array();
}

}  // namespace

std::string format_report_json(const Result& result, const LoadOptions& options) {
  const bool bulk = options.mode == LoadMode::bulk;
  std::string text;
  base::JsonWriter json(text);
  const auto begin_line = [&json](const char* name, const auto&... value) {
    json.break_line();
    json.member(name, value...);
  };
  json.begin_object();
  json.member("mode", mode_names[static_cast<std::size_t>(options.mode)]);
  json.member("server", result.server);
  begin_line("concurrency", options.concurrency);
  json.member("message_size", bulk ? std::nullopt : std::optional(options.size));
  json.member("stream_size", bulk ? std::optional(options.size) : std::nullopt);
  begin_line("requested", options.connections);
  json.member("answered", result.answered);
  json.member("unanswered", result.unanswered());
  json.member("failed", result.failed);
  json.member("not_started", options.connections - result.started);
  begin_line("connections", result.connections);
  json.member("errors", result.errors());
  json.member("unfinished", result.unfinished);
  json.member("ended", result.signal != 0 ? "stopped" : result.stalled ? "stalled" : "done");
  json.break_line();
  json.begin_object("errors_by_kind");
  for (std::size_t i = 0; i < error_kinds.size(); ++i)
    json.member(error_kinds[i].name, result.errors_by_kind[i]);
  json.end_object();
  const auto& first = result.first_error;
  begin_line("first_error", first ? std::optional<std::string_view>(first->what()) : std::nullopt);
  begin_line("rate_per_s", connections_per_second(result, options), 3);
  json.member("duration_s", to_seconds(result.duration), 6);
  json.member("cpu_s", to_seconds(result.processor_time), 6);
  if (options.rate) begin_line("wanted_rate_per_s", *options.rate, 3);
  if (options.mode == LoadMode::hold) {
    begin_line("held", result.holding ? std::optional(result.held) : std::nullopt);
    begin_line("hold_s", to_seconds(options.hold), 6);
  }
  if (options.mode == LoadMode::ping) {
    begin_line("round_trips", result.rounds);
    begin_line("round_trips_per_s", per_second(result.rounds, result), 3);
  }
  if (bulk) begin_line("bytes_per_s", per_second(result.bytes_received, result), 0);
  begin_line("bytes_sent", result.bytes_sent);
  json.member("bytes_received", result.bytes_received);
  write_latencies(json, result.latencies);
  json.end_object();
  return text + "\n";
}

std::string format_progress(const Result& result, const LoadOptions& options, base::Duration since_start,
                            std::size_t columns) {
  constexpr std::size_t widest_bar = 40;
  constexpr std::size_t narrowest_bar = 5;
  const bool bulk = options.mode == LoadMode::bulk;
  std::uint64_t done = result.connections;
  std::uint64_t all = options.connections;
  std::string what = std::to_string(done) + " of " + std::to_string(all) + " connections";
  if (bulk) {
    done = result.bytes_received;
    all *= options.size;
    what = std::to_string(done >> 20U) + " of " + std::to_string(all >> 20U) + " MiB";
  } else if (options.mode == LoadMode::hold) {
    done += result.held;
    what = std::to_string(result.held) + " of " + std::to_string(all) + " connections open";
  } else if (options.round_trips > 1) {
    done = result.rounds;
    all *= options.round_trips;
    what = std::to_string(done) + " of " + std::to_string(all) + " round trips";
  }
  const double seconds = to_seconds(since_start);
  std::string text = "] " + what;
  if (!bulk && seconds > 0) text += format_text(", %.0f per second", static_cast<double>(done) / seconds);
  text += ", " + format_count(result.errors(), "error");
  const std::size_t taken = text.size() + 2;  // the bracket, and the last column, which stays free
  const std::size_t room = columns > taken ? columns - taken : 0;
  return "[" + base::bar(done, all, std::clamp(room, narrowest_bar, widest_bar)) + text;
}

}  // namespace tcpserver::load
