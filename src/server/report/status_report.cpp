#include "tcpserver/server/report/status_report.hpp"

#include <algorithm>
#include <array>

namespace tcpserver::server {

namespace {

using base::wide;

const char* plural(std::uint64_t count) noexcept {
  return count == 1 ? "" : "s";
}

// Appends "16 closed by client, 1 killed": the counts above zero.
void append_counts(ReportLine& text, const auto& counts, auto describe_index) noexcept {
  const char* separator = "";
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    text.append("%s%llu %s", separator, wide(counts[i]), describe_index(i));
    separator = ", ";
  }
}

const char* describe_refusal(std::size_t index) noexcept {
  return describe(static_cast<Refusal>(index));
}

const char* describe_end(std::size_t index) noexcept {
  return describe(static_cast<SessionEnd>(index));
}

// Appends "22 accepted, 2 refused (2 at --max-connections)".
void append_arrivals(ReportLine& text, const Counters& counters) noexcept {
  text.append("%llu accepted", wide(counters.accepted));
  if (counters.all_refused() == 0) return;
  text.append(", %llu refused (", wide(counters.all_refused()));
  append_counts(text, counters.refused, describe_refusal);
  text.append(")");
}

ByteCount add_up_bytes(const ServerMetrics& metrics) noexcept {
  auto bytes = metrics.counters.bytes;
  bytes.add(metrics.sessions.bytes);
  return bytes;
}

// The lines of a report as text.
class TextReport {
 public:
  TextReport(Log& log, Severity severity, const char* event) noexcept
      : log_(log), severity_(severity), event_(event) {}

  // Logs "EVENT: LINE".
  void log_line(const ReportLine& line) noexcept {
    base::BoundedText<ReportLine::capacity + 16> text;
    text.append("%s: %s", event_, line.c_str());
    LogRecord record(LogFormat::text, severity_, {event_}, {text.c_str(), text.size()});
    log_.write(record);
  }

  void log_line(const char* format, ...) noexcept __attribute__((format(printf, 2, 3))) {
    ReportLine line;
    va_list arguments;
    va_start(arguments, format);
    line.append_list(format, arguments);
    va_end(arguments);
    log_line(line);
  }

 private:
  Log& log_;
  Severity severity_;
  const char* event_;
};

// The first line. A stopped server has no session, unless a child could not be killed.
ReportLine format_headline(const ServerMetrics& metrics, bool has_stopped) noexcept {
  if (!has_stopped || metrics.sessions.open > 0) return summarize(metrics.counters, metrics.sessions);
  ReportLine line;
  if (metrics.counters.accepted == 0) {
    line.append("no connections accepted");
  } else {
    append_arrivals(line, metrics.counters);
  }
  return line;
}

void log_text(TextReport report, const ServerMetrics& metrics, bool has_stopped) noexcept {
  const auto& counters = metrics.counters;
  report.log_line(format_headline(metrics, has_stopped));
  ReportLine ended;
  append_counts(ended, counters.ended, describe_end);
  if (ended.size() > 0) report.log_line("sessions ended: %s", ended.c_str());
  const auto bytes = add_up_bytes(metrics);
  if (bytes.in > 0 || bytes.out > 0)
    report.log_line("%llu bytes in, %llu out", wide(bytes.in), wide(bytes.out));
  if (metrics.children_reaped > 0) {
    report.log_line("children reaped: %llu, SIGCHLDs handled: %llu", wide(metrics.children_reaped),
                    wide(metrics.sigchlds_handled));
  }
  if (counters.accept_errors > 0)
    report.log_line("%llu accept error%s", wide(counters.accept_errors), plural(counters.accept_errors));
  const auto dropped = metrics.dropped.value_or(0);
  if (dropped > 0)
    report.log_line("%llu connection attempt%s dropped at a full listen queue", wide(dropped),
                    plural(dropped));
  for (const auto& [listener, queue] : metrics.queues) {
    if (queue.length == 0) continue;
    char address[base::SocketAddress::text_size];
    report.log_line("listen queue %u of %u on %s", queue.length, queue.limit, listener.format(address));
  }
}

// Adds "PREFIX_NAME": COUNT for each count.
void add_counts(LogRecord& record, const char* prefix, const auto& counts, auto name_index) noexcept {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    base::BoundedText<64> key;
    key.append("%s_%s", prefix, name_index(i));
    record.add(key.c_str(), counts[i]);
  }
}

void log_json(Log& log, Severity severity, const char* event, const ServerMetrics& metrics) noexcept {
  const auto& counters = metrics.counters;
  LogRecord record(LogFormat::json, severity, event);
  record.add("open", metrics.sessions.open);
  record.add("max_connections", metrics.sessions.most);
  record.add("accepted", counters.accepted);
  record.add("refused", counters.all_refused());
  add_counts(record, "refused", counters.refused,
             [](std::size_t i) { return to_string(static_cast<Refusal>(i)); });
  add_counts(record, "ended", counters.ended,
             [](std::size_t i) { return to_string(static_cast<SessionEnd>(i)); });
  const auto bytes = add_up_bytes(metrics);
  record.add("bytes_in", bytes.in);
  record.add("bytes_out", bytes.out);
  record.add("children_reaped", metrics.children_reaped);
  record.add("sigchlds_handled", metrics.sigchlds_handled);
  record.add("accept_errors", counters.accept_errors);
  if (metrics.dropped) record.add("attempts_dropped", *metrics.dropped);
  record.add("log_lines_dropped", metrics.log_lines_dropped);
  log.write(record);
  for (const auto& [listener, queue] : metrics.queues) {
    char address[base::SocketAddress::text_size];
    LogRecord line(LogFormat::json, severity, "listen_queue");
    line.add("listener", listener.format(address));
    line.add("length", queue.length);
    line.add("limit", queue.limit);
    log.write(line);
  }
}

}  // namespace

ReportLine summarize(const Counters& counters, const OpenSessions& sessions) noexcept {
  ReportLine text;
  text.append("%u of %u %s", sessions.open, sessions.most, describe_open(sessions));
  if (counters.accepted == 0) return text;
  text.append(", ");
  append_arrivals(text, counters);
  return text;
}

void log_report(Log& log, Severity severity, const char* event, const ServerMetrics& metrics) noexcept {
  if (log.format() == LogFormat::json) return log_json(log, severity, event, metrics);
  log_text({log, severity, event}, metrics, std::string_view(event) == "stopped");
}

}  // namespace tcpserver::server
