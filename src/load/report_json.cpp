#include "tcpserver/base/values.hpp"

#include "load/report.hpp"

namespace tcpserver::load {

namespace {

using base::formatted;

std::string microseconds(base::Duration duration) {
  return formatted("%.3f", std::chrono::duration<double, std::micro>(duration).count());
}

std::string seconds(base::Duration duration) {
  return formatted("%.6f", std::chrono::duration<double>(duration).count());
}

std::string latencies_json(const LatencyHistogram& latencies) {
  if (latencies.count() == 0) return "null";
  return "{\"p50\": " + microseconds(latencies.quantile(0.5)) +
         ", \"p90\": " + microseconds(latencies.quantile(0.9)) +
         ", \"p99\": " + microseconds(latencies.quantile(0.99)) +
         ", \"p999\": " + microseconds(latencies.quantile(0.999)) +
         ", \"max\": " + microseconds(latencies.longest()) + "}";
}

std::string histogram_json(const LatencyHistogram& latencies) {
  std::string text = "[";
  const char* separator = "";
  for (const auto& bucket : latencies.buckets()) {
    text += separator + ("[" + microseconds(bucket.upper)) + ", " + std::to_string(bucket.count) + "]";
    separator = ", ";
  }
  return text + "]";
}

std::string errors_json(const Result& result) {
  std::string text = "{";
  const char* separator = "\"";
  for (const auto kind : error_kinds) {
    text += std::string(separator) + name_of(kind) +
            "\": " + std::to_string(result.errors_by_kind[index_of(kind)]);
    separator = ", \"";
  }
  return text + "}";
}

// What one mode has and the others have not, each with a comma and a newline.
std::string of_the_mode(const Result& result, const LoadOptions& options, const Figures& figures) {
  std::string text;
  const auto add = [&text](const char* name, const std::string& value) {
    text += std::string("  \"") + name + "\": " + value + ",\n";
  };
  if (options.rate) add("wanted_rate_per_s", formatted("%.3f", *options.rate));
  if (options.mode == LoadMode::hold) {
    add("held", std::to_string(result.held));
    add("hold_s", seconds(options.hold));
  }
  if (options.mode == LoadMode::ping) add("round_trips", std::to_string(result.rounds));
  if (figures.round_trips_per_s) add("round_trips_per_s", formatted("%.3f", *figures.round_trips_per_s));
  if (figures.bytes_per_s) add("bytes_per_s", formatted("%.0f", *figures.bytes_per_s));
  return text;
}

const char* end_of(const Result& result) {
  return result.signal != 0 ? "\"stopped\"" : result.stalled ? "\"stalled\"" : "\"done\"";
}

}  // namespace

std::string report_json(const Result& result, const LoadOptions& options) {
  const auto figures = figures_of(result, options);
  const bool bulk = options.mode == LoadMode::bulk;
  return std::string("{\"mode\": \"") + name_of(options.mode) +
         "\", \"server\": " + base::json_string(result.server) + ",\n" +
         "  \"concurrency\": " + std::to_string(options.concurrency) +
         ", \"message_size\": " + (bulk ? "null" : std::to_string(options.size)) +
         ", \"stream_size\": " + (bulk ? std::to_string(options.size) : "null") + ",\n" +
         "  \"connections\": " + std::to_string(result.connections) +
         ", \"errors\": " + std::to_string(result.errors()) +
         ", \"unfinished\": " + std::to_string(result.unfinished) + ", \"ended\": " + end_of(result) + ",\n" +
         "  \"errors_by_kind\": " + errors_json(result) + ",\n" + "  \"first_error\": " +
         (result.first_error ? base::json_string(result.first_error->sentence) : "null") + ",\n" +
         "  \"rate_per_s\": " + formatted("%.3f", figures.connections_per_s) +
         ", \"duration_s\": " + seconds(result.duration) + ", \"cpu_s\": " + seconds(result.processor_time) +
         ",\n" + of_the_mode(result, options, figures) +
         "  \"bytes_sent\": " + std::to_string(result.bytes_sent) +
         ", \"bytes_received\": " + std::to_string(result.bytes_received) + ",\n" +
         "  \"latency_us\": " + latencies_json(result.latencies) + ",\n" +
         "  \"histogram_us\": " + histogram_json(result.latencies) + "}\n";
}

}  // namespace tcpserver::load
