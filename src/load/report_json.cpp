#include "tcpserver/base/json.hpp"

#include "load/report.hpp"

namespace tcpserver::load {

namespace {

using base::JsonWriter;

constexpr int microsecond_decimals = 3;

double in_microseconds(base::Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

void write_seconds(JsonWriter& json, const char* name, base::Duration duration) {
  json.member(name, std::chrono::duration<double>(duration).count(), 6);
}

void write_latencies(JsonWriter& json, const LatencyHistogram& latencies) {
  if (latencies.count() == 0) return json.member("latency_us", nullptr);
  const auto write = [&json](const char* name, base::Duration latency) {
    json.member(name, in_microseconds(latency), microsecond_decimals);
  };
  json.name("latency_us");
  json.begin_object();
  write("p50", latencies.quantile(0.5));
  write("p90", latencies.quantile(0.9));
  write("p99", latencies.quantile(0.99));
  write("p999", latencies.quantile(0.999));
  write("max", latencies.longest());
  json.end_object();
}

void write_histogram(JsonWriter& json, const LatencyHistogram& latencies) {
  json.name("histogram_us");
  json.begin_array();
  for (const auto& bucket : latencies.buckets()) {
    json.begin_array();
    json.value(in_microseconds(bucket.upper), microsecond_decimals);
    json.value(bucket.count);
    json.end_array();
  }
  json.end_array();
}

void write_errors(JsonWriter& json, const Result& result) {
  json.name("errors_by_kind");
  json.begin_object();
  for (const auto kind : error_kinds) json.member(name_of(kind), result.errors_by_kind[index_of(kind)]);
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

const char* end_of(const Result& result) {
  return result.signal != 0 ? "stopped" : result.stalled ? "stalled" : "done";
}

}  // namespace

std::string report_json(const Result& result, const LoadOptions& options) {
  const auto figures = figures_of(result, options);
  const bool bulk = options.mode == LoadMode::bulk;
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("mode", name_of(options.mode));
  json.member("server", result.server);
  json.break_line();
  json.member("concurrency", options.concurrency);
  json.member("message_size", bulk ? std::nullopt : std::optional(options.size));
  json.member("stream_size", bulk ? std::optional(options.size) : std::nullopt);
  json.break_line();
  json.member("connections", result.connections);
  json.member("errors", result.errors());
  json.member("unfinished", result.unfinished);
  json.member("ended", end_of(result));
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

}  // namespace tcpserver::load
