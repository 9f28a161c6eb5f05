#include "load/report.hpp"

#include "tcpserver/base/bar.hpp"
#include "tcpserver/base/json.hpp"
#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <utility>

namespace tcpserver::load {

Figures compute_figures(const Result& result, const LoadOptions& options) {
  const auto duration = result.opened_after.value_or(result.duration);
  // A run that ended at once has no rate that would mean anything, but JSON has no infinity.
  const double seconds = std::max(std::chrono::duration<double>(duration).count(), 1e-9);
  const auto rate = [seconds](std::uint64_t count) { return static_cast<double>(count) / seconds; };
  const auto good =
      options.mode == LoadMode::hold ? result.latencies.count() : result.connections - result.errors();
  Figures figures{.seconds = seconds,
                  .connections_per_s = rate(good),
                  .round_trips_per_s = std::nullopt,
                  .bytes_per_s = std::nullopt};
  if (options.mode == LoadMode::ping) figures.round_trips_per_s = rate(result.rounds);
  if (options.mode == LoadMode::bulk) figures.bytes_per_s = rate(result.bytes_received);
  return figures;
}

namespace {

using base::formatted;
using base::time_text;

double in_seconds(base::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string counted(std::uint64_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// "32 bytes", "64 KiB", "1 GiB": in the largest unit of which it is a whole number.
std::string size_text(std::uint64_t bytes) {
  for (const auto& [shift, unit] : {std::pair(30U, " GiB"), std::pair(20U, " MiB"), std::pair(10U, " KiB")}) {
    if (bytes % (std::uint64_t{1} << shift) == 0) return std::to_string(bytes >> shift) + unit;
  }
  return counted(bytes, "byte", "bytes");
}

std::string describe_run(const Result& result, const LoadOptions& options) {
  const std::string connections = counted(result.connections, "connection", "connections");
  const std::string at_a_time = std::to_string(options.concurrency) + " at a time";
  const std::string messages = "messages of " + size_text(options.size);
  switch (options.mode) {
    case LoadMode::connections:
      return connections + ", " + at_a_time + ", " + messages;
    case LoadMode::hold:
      return connections + ", held for " + base::duration_text(options.hold) + ", " + messages;
    case LoadMode::bulk:
      return counted(result.connections, "stream", "streams") + " of " + size_text(options.size);
    case LoadMode::ping:
      return counted(result.rounds, "round trip", "round trips") + " on " + connections + ", " + messages;
  }
  return "";
}

std::string rate_line(const Result& result, const LoadOptions& options, const Figures& figures) {
  const std::string in = " in " + time_text(figures.seconds);
  if (figures.bytes_per_s) {
    return formatted("%.1f MB/s", *figures.bytes_per_s / 1e6) +
           formatted(" (%.1f MiB/s)", *figures.bytes_per_s / 0x1p20) + " there, and as much back," + in;
  }
  if (figures.round_trips_per_s)
    return formatted("%.0f round trips a second", *figures.round_trips_per_s) + in;
  std::string text = formatted("%.0f connections a second", figures.connections_per_s);
  if (options.rate) text += formatted(", wanted were %.9g,", *options.rate);
  if (result.opened_after) return text + in + ", until all were open";
  return text + in;
}

std::string error_line(const Result& result) {
  if (result.errors() == 0) return "none";
  std::string text = std::to_string(result.errors());
  const char* separator = ": ";
  for (const auto& facts : error_kinds) {
    const auto count = result.errors_by_kind[index_of(facts.kind)];
    if (count == 0) continue;
    std::string name = facts.name;
    for (char& c : name) c = c == '_' ? ' ' : c;
    text += separator + std::to_string(count) + " " + name;
    separator = ", ";
  }
  return text;
}

std::string latency_line(const LatencyHistogram& latencies) {
  const auto at = [&latencies](double share) { return time_text(in_seconds(latencies.quantile(share))); };
  return "p50 " + at(0.5) + ", p90 " + at(0.9) + ", p99 " + at(0.99) + ", p99.9 " + at(0.999) + ", max " +
         time_text(in_seconds(latencies.longest()));
}

}  // namespace

std::vector<std::string> report_lines(const Result& result, const LoadOptions& options) {
  std::vector<std::string> lines{result.server + ": " + describe_run(result, options)};
  if (result.signal != 0) {
    lines.push_back("stopped   after " + time_text(in_seconds(result.duration)) + ", " +
                    std::to_string(result.unfinished) + " unfinished");
  }
  if (result.stalled) {
    lines.push_back("stalled   nothing moved for " + base::duration_text(options.timeout) +
                    ", so the run was given up after " + time_text(in_seconds(result.duration)));
  }
  lines.push_back("rate      " + rate_line(result, options, compute_figures(result, options)));
  if (options.mode == LoadMode::hold) {
    lines.push_back("held      " + std::to_string(result.held));
  }
  lines.push_back("errors    " + error_line(result));
  lines.push_back("bytes     " + std::to_string(result.bytes_sent) + " sent, " +
                  std::to_string(result.bytes_received) + " received" +
                  (result.errors() == 0 ? ", every one as expected" : ""));
  if (result.latencies.count() > 0) lines.push_back("latency   " + latency_line(result.latencies));
  lines.push_back("own cost  " + time_text(in_seconds(result.processor_time)) + " of processor time");
  return lines;
}

namespace {

using base::JsonWriter;

constexpr int microsecond_decimals = 3;
constexpr std::pair<const char*, double> quantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};

double in_microseconds(base::Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

void write_seconds(JsonWriter& json, const char* name, base::Duration duration) {
  json.member(name, in_seconds(duration), 6);
}

void write_latencies(JsonWriter& json, const LatencyHistogram& latencies) {
  if (latencies.count() == 0) return json.member("latency_us", nullptr);
  const auto write = [&json](const char* name, base::Duration latency) {
    json.member(name, in_microseconds(latency), microsecond_decimals);
  };
  json.begin_object("latency_us");
  for (const auto& [name, share] : quantiles) write(name, latencies.quantile(share));
  write("max", latencies.longest());
  json.end_object();
}

void write_histogram(JsonWriter& json, const LatencyHistogram& latencies) {
  json.begin_array("histogram_us");
  for (const auto& bucket : latencies.buckets()) {
    json.begin_array();
    json.value(in_microseconds(bucket.upper), microsecond_decimals);
    json.value(bucket.count);
    json.end_array();
  }
  json.end_array();
}

void write_errors(JsonWriter& json, const Result& result) {
  json.begin_object("errors_by_kind");
  for (const auto& facts : error_kinds) json.member(facts.name, result.errors_by_kind[index_of(facts.kind)]);
  json.end_object();
}

// Those that only some modes have, a line each.
void write_members_of_mode(JsonWriter& json, const Result& result, const LoadOptions& options,
                           const Figures& figures) {
  const auto member = [&json](const char* name, const auto&... value) {
    json.break_line();
    json.member(name, value...);
  };
  if (options.rate) member("wanted_rate_per_s", *options.rate, 3);
  if (options.mode == LoadMode::hold) {
    member("held", result.held);
    json.break_line();
    write_seconds(json, "hold_s", options.hold);
  }
  if (options.mode == LoadMode::ping) member("round_trips", result.rounds);
  if (figures.round_trips_per_s) member("round_trips_per_s", *figures.round_trips_per_s, 3);
  if (figures.bytes_per_s) member("bytes_per_s", *figures.bytes_per_s, 0);
}

const char* describe_end(const Result& result) {
  return result.signal != 0 ? "stopped" : result.stalled ? "stalled" : "done";
}

}  // namespace

std::string report_json(const Result& result, const LoadOptions& options) {
  const auto figures = compute_figures(result, options);
  const bool bulk = options.mode == LoadMode::bulk;
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("mode", mode_names[static_cast<std::size_t>(options.mode)]);
  json.member("server", result.server);
  json.break_line();
  json.member("concurrency", options.concurrency);
  json.member("message_size", bulk ? std::nullopt : std::optional(options.size));
  json.member("stream_size", bulk ? std::optional(options.size) : std::nullopt);
  json.break_line();
  json.member("connections", result.connections);
  json.member("errors", result.errors());
  json.member("unfinished", result.unfinished);
  json.member("ended", describe_end(result));
  json.break_line();
  write_errors(json, result);
  json.break_line();
  json.member("first_error", result.first_error ? std::optional(result.first_error->sentence) : std::nullopt);
  json.break_line();
  json.member("rate_per_s", figures.connections_per_s, 3);
  write_seconds(json, "duration_s", result.duration);
  write_seconds(json, "cpu_s", result.processor_time);
  write_members_of_mode(json, result, options, figures);
  json.break_line();
  json.member("bytes_sent", result.bytes_sent);
  json.member("bytes_received", result.bytes_received);
  json.break_line();
  write_latencies(json, result.latencies);
  json.break_line();
  write_histogram(json, result.latencies);
  json.end_object();
  return text + "\n";
}

namespace {

constexpr std::size_t widest_bar = 40;
constexpr std::size_t narrowest_bar = 5;

struct Part {
  std::uint64_t done;
  std::uint64_t all;
  std::string text;
};

Part describe_progress(const Result& result, const Script& script) {
  if (script.until_end) {
    const std::uint64_t all = script.connections * script.size;
    return {result.bytes_received, all,
            std::to_string(result.bytes_received >> 20U) + " of " + std::to_string(all >> 20U) + " MiB"};
  }
  if (script.hold) {
    return {result.held + result.connections, script.connections,
            std::to_string(result.held) + " of " + std::to_string(script.connections) + " connections open"};
  }
  if (script.rounds > 1) {
    const std::uint64_t all = script.connections * script.rounds;
    return {result.rounds, all,
            std::to_string(result.rounds) + " of " + std::to_string(all) + " round trips"};
  }
  return {result.connections, script.connections,
          std::to_string(result.connections) + " of " + std::to_string(script.connections) + " connections"};
}

}  // namespace

std::string progress_line(const Result& result, const Script& script, base::Duration since_start,
                          std::size_t columns) {
  const auto part = describe_progress(result, script);
  const double seconds = std::chrono::duration<double>(since_start).count();
  std::string text = "] " + part.text;
  if (!script.until_end && seconds > 0) {
    text += base::formatted(", %.0f a second", static_cast<double>(part.done) / seconds);
  }
  text += ", " + std::to_string(result.errors()) + (result.errors() == 1 ? " error" : " errors");
  const std::size_t taken = text.size() + 2;  // the bracket, and the last column, which stays free
  const std::size_t room = columns > taken ? columns - taken : 0;
  return "[" + base::bar(part.done, part.all, std::clamp(room, narrowest_bar, widest_bar)) + text;
}

}  // namespace tcpserver::load
