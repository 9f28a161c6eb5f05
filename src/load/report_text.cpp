#include "tcpserver/base/values.hpp"

#include "load/report.hpp"

namespace tcpserver::load {

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
  constexpr std::uint64_t kib = 1024;
  if (bytes % (kib * kib * kib) == 0) return std::to_string(bytes / (kib * kib * kib)) + " GiB";
  if (bytes % (kib * kib) == 0) return std::to_string(bytes / (kib * kib)) + " MiB";
  if (bytes % kib == 0) return std::to_string(bytes / kib) + " KiB";
  return counted(bytes, "byte", "bytes");
}

std::string what_was_done(const Result& result, const LoadOptions& options) {
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
  for (const auto kind : error_kinds) {
    const auto count = result.errors_by_kind[index_of(kind)];
    if (count == 0) continue;
    std::string name = name_of(kind);
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
  std::vector<std::string> lines{result.server + ": " + what_was_done(result, options)};
  if (result.signal != 0) {
    lines.push_back("stopped   after " + time_text(in_seconds(result.duration)) + ", " +
                    std::to_string(result.unfinished) + " unfinished");
  }
  if (result.stalled) {
    lines.push_back("stalled   nothing moved for " + base::duration_text(options.timeout) +
                    ", so the run was given up after " + time_text(in_seconds(result.duration)));
  }
  lines.push_back("rate      " + rate_line(result, options, figures_of(result, options)));
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

}  // namespace tcpserver::load
