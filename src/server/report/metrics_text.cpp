#include "tcpserver/base/system_error.hpp"
#include "tcpserver/cli/option_table.hpp"
#include "tcpserver/server/report/metrics.hpp"

#include <algorithm>

namespace tcpserver::server {

namespace {

// One family of figures: what it is, then its values.
class Family {
 public:
  enum class Kind { counter, gauge, histogram };

  Family(MetricsText& text, const char* name, Kind kind, const char* help) noexcept
      : text_(text), name_(name) {
    constexpr const char* kinds[] = {"counter", "gauge", "histogram"};
    text_.append("# HELP %s %s\n# TYPE %s %s\n", name, help, name, kinds[static_cast<int>(kind)]);
  }

  void value(std::uint64_t number) noexcept { text_.append("%s %llu\n", name_, base::wide(number)); }
  void value(const char* label, const char* of, std::uint64_t number) noexcept {
    text_.append("%s{%s=\"%s\"} %llu\n", name_, label, of, base::wide(number));
  }

 private:
  MetricsText& text_;
  const char* name_;
};

using Kind = Family::Kind;

// Those that a server of sockets meets, so that a monitor knows of them before they come; others as they
// come.
constexpr int usual_accept_errors[] = {ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM};

void append_accept_errors(MetricsText& text, const Counters& counters) noexcept {
  Family family(text, "tcpserver_accept_errors_total", Kind::counter,
                "Calls of accept that failed, by errno.");
  const auto& counts = counters.accept_errors_by_errno;
  for (std::size_t error = 0; error < counts.size(); ++error) {
    bool usual = false;
    for (const int one : usual_accept_errors) usual = usual || static_cast<std::size_t>(one) == error;
    if (counts[error] == 0 && !usual) continue;
    base::BoundedText<64> name;
    if (usual) {
      name.append("%s", base::errno_name(static_cast<int>(error)));
    } else {
      // Each has a label of its own, also one whose name is not known here.
      const char* const known = base::errno_name(static_cast<int>(error));
      known[0] == 'E' ? name.append("%s", known) : name.append("%zu", error);
    }
    family.value("errno", name.c_str(), counts[error]);
  }
}

// A series has one value: that of an address is the sum over its listeners.
void append_queues(MetricsText& text, std::span<const ListenQueue> queues) noexcept {
  const auto each = [&](const char* name, const char* help, auto figure) {
    if (queues.empty()) return;
    Family family(text, name, Kind::gauge, help);
    for (std::size_t i = 0; i < queues.size(); ++i) {
      const auto has_address = [&](const ListenQueue& one) { return one.address == queues[i].address; };
      const auto before = queues.first(i);
      if (std::any_of(before.begin(), before.end(), has_address)) continue;
      std::uint64_t sum = 0;
      for (const auto& one : queues) sum += has_address(one) ? figure(one.queue) : 0;
      char shown[base::SocketAddress::text_size];
      family.value("listener", queues[i].address.format(shown), sum);  // needs no escaping
    }
  };
  each("tcpserver_accept_queue_length", "Clients that wait in the listen queue to be accepted.",
       [](const kernel::AcceptQueue& queue) { return queue.length; });
  each("tcpserver_accept_queue_limit", "How many clients may wait: the backlog that is in effect.",
       [](const kernel::AcceptQueue& queue) { return queue.limit; });
}

void append_durations(MetricsText& text, const DurationHistogram& durations) noexcept {
  const char* const name = "tcpserver_session_duration_seconds";
  static_cast<void>(Family(text, name, Kind::histogram, "How long sessions lasted that have ended."));
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < durations.bounds_us.size(); ++i) {
    so_far += durations.counts[i];
    text.append("%s_bucket{le=\"%g\"} %llu\n", name, static_cast<double>(durations.bounds_us[i]) / 1e6,
                base::wide(so_far));
  }
  so_far += durations.counts.back();
  text.append("%s_bucket{le=\"+Inf\"} %llu\n", name, base::wide(so_far));
  text.append("%s_sum %llu.%06llu\n%s_count %llu\n", name, base::wide(durations.sum_us / 1'000'000),
              base::wide(durations.sum_us % 1'000'000), name, base::wide(so_far));
}

void append_ends(MetricsText& text, const Counters& counters) noexcept {
  Family refused(text, "tcpserver_connections_refused_total", Kind::counter,
                 "Clients that were accepted and reset unserved, by reason.");
  for (std::size_t i = 0; i < refusal_count; ++i) {
    refused.value("reason", name_of(static_cast<Refusal>(i)), counters.refused[i]);
  }
  Family ended(text, "tcpserver_sessions_ended_total", Kind::counter, "Sessions that have ended, by reason.");
  for (std::size_t i = 0; i < session_end_count; ++i) {
    ended.value("reason", name_of(static_cast<SessionEnd>(i)), counters.ended[i]);
  }
}

}  // namespace

void append_metrics(MetricsText& text, const MetricsFigures& figures) noexcept {
  const auto& counters = figures.counters;
  const auto& sessions = figures.sessions;
  const auto one = [&text](const char* name, Kind kind, const char* help, std::uint64_t number) {
    Family(text, name, kind, help).value(number);
  };
  Family(text, "tcpserver_build_info", Kind::gauge, "1; the version is in the label.")
      .value("version", cli::version(), 1);
  one("tcpserver_start_time_seconds", Kind::gauge, "When the server started, in seconds since 1970.",
      static_cast<std::uint64_t>(figures.started_s));
  one("tcpserver_connections_accepted_total", Kind::counter, "Connections that accept returned.",
      counters.accepted);
  one("tcpserver_connections_open", Kind::gauge, "Sessions that have not ended.", sessions.open);
  one("tcpserver_connections_limit", Kind::gauge, "As many sessions as may be open: --max-connections.",
      sessions.most);
  append_ends(text, counters);
  one("tcpserver_fork_failures_total", Kind::counter, "Forks that failed; each client was reset.",
      counters.fork_failures());
  append_accept_errors(text, counters);
  one("tcpserver_received_bytes_total", Kind::counter, "Bytes read from clients, those of open sessions too.",
      counters.bytes.in + sessions.bytes.in);
  one("tcpserver_sent_bytes_total", Kind::counter, "Bytes written to clients, those of open sessions too.",
      counters.bytes.out + sessions.bytes.out);
  append_queues(text, figures.queues);
  if (figures.dropped) {
    one("tcpserver_listen_overflows_total", Kind::counter,
        "SYNs and last ACKs that the kernel dropped, nearly all at full listen queues.", *figures.dropped);
  }
  append_durations(text, counters.durations);
  one("tcpserver_log_lines_dropped_total", Kind::counter, "Lines of the log that nobody took.",
      figures.log_lines_dropped);
}

}  // namespace tcpserver::server
