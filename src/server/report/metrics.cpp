#include "tcpserver/server/report/metrics.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_table.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>

namespace tcpserver::server {

namespace {

constexpr mode_t readable_by_all = 0644;  // the monitor runs as another user
constexpr auto between_writes = std::chrono::seconds(5);
// A temporary file lives for milliseconds. One this old belongs to a server that was killed.
constexpr time_t stale_after_s = 60;

// Writes the head of a metric; add() writes its values.
class Metric {
 public:
  Metric(MetricsText& text, const char* name, const char* type, const char* help) noexcept
      : text_(text), name_(name) {
    text_.append("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
  }
  void add(std::uint64_t number) noexcept { text_.append("%s %llu\n", name_, base::wide(number)); }
  void add(const char* label, const char* label_value, std::uint64_t number) noexcept {
    text_.append("%s{%s=\"%s\"} %llu\n", name_, label, label_value, base::wide(number));
  }

 private:
  MetricsText& text_;
  const char* name_;
};

// The label of an error without a name is its number. The usual errors are written even if they are zero.
void append_accept_errors(MetricsText& text, const Counters& counters) noexcept {
  Metric metric(text, "tcpserver_accept_errors_total", "counter", "Failed accept calls, by errno.");
  const auto& counts = counters.accept_errors_by_errno;
  for (std::size_t error = 0; error < counts.size(); ++error) {
    constexpr std::size_t usual[] = {ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM};
    if (counts[error] == 0 && std::find(std::begin(usual), std::end(usual), error) == std::end(usual))
      continue;
    const char* const name = base::errno_name(static_cast<int>(error));
    base::BoundedText<8> number;
    number.append("%zu", error);
    metric.add("errno", name[0] == 'E' ? name : number.c_str(), counts[error]);
  }
}

// Listeners with the same address form one series, whose value is their sum.
void append_queues(MetricsText& text, std::span<const ListenQueue> queues, const char* name, const char* help,
                   std::uint32_t kernel::AcceptQueue::*member) noexcept {
  if (queues.empty()) return;
  Metric metric(text, name, "gauge", help);
  for (auto queue = queues.begin(); queue != queues.end(); ++queue) {
    const auto has_address = [&](const ListenQueue& other) { return other.address == queue->address; };
    if (std::any_of(queues.begin(), queue, has_address)) continue;
    std::uint64_t sum = 0;
    for (const auto& other : queues) sum += has_address(other) ? other.queue.*member : 0;
    char address[base::SocketAddress::text_size];
    metric.add("listener", queue->address.format(address), sum);  // needs no escaping
  }
}

void append_durations(MetricsText& text, const DurationHistogram& durations) noexcept {
  const char* const name = "tcpserver_session_duration_seconds";
  Metric(text, name, "histogram", "Duration of ended sessions.");
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
  Metric refused(text, "tcpserver_connections_refused_total", "counter",
                 "Connections reset without service, by reason.");
  for (std::size_t i = 0; i < refusal_count; ++i) {
    refused.add("reason", to_string(static_cast<Refusal>(i)), counters.refused[i]);
  }
  Metric ended(text, "tcpserver_sessions_ended_total", "counter", "Ended sessions, by reason.");
  for (std::size_t i = 0; i < session_end_count; ++i) {
    ended.add("reason", to_string(static_cast<SessionEnd>(i)), counters.ended[i]);
  }
}

}  // namespace

void append_metrics(MetricsText& text, const ServerMetrics& metrics) noexcept {
  const auto& counters = metrics.counters;
  const auto& sessions = metrics.sessions;
  const auto counter = [&text](const char* name, const char* help, std::uint64_t number) {
    Metric(text, name, "counter", help).add(number);
  };
  const auto gauge = [&text](const char* name, const char* help, std::uint64_t number) {
    Metric(text, name, "gauge", help).add(number);
  };
  Metric(text, "tcpserver_build_info", "gauge", "Always 1; the label has the version.")
      .add("version", cli::version(), 1);
  gauge("tcpserver_start_time_seconds", "Start time of the server, in seconds since 1970.",
        static_cast<std::uint64_t>(metrics.started_s));
  counter("tcpserver_connections_accepted_total", "Accepted connections.", counters.accepted);
  gauge("tcpserver_connections_open", "Open sessions.", sessions.open);
  gauge("tcpserver_connections_limit", "Maximum number of open sessions (--max-connections).", sessions.most);
  append_ends(text, counters);
  counter("tcpserver_fork_failures_total", "Failed forks; each reset one client.", counters.fork_failures());
  append_accept_errors(text, counters);
  counter("tcpserver_received_bytes_total", "Bytes read from clients, including open sessions.",
          counters.bytes.in + sessions.bytes.in);
  counter("tcpserver_sent_bytes_total", "Bytes written to clients, including open sessions.",
          counters.bytes.out + sessions.bytes.out);
  append_queues(text, metrics.queues, "tcpserver_accept_queue_length",
                "Connections in the listen queue, waiting to be accepted.", &kernel::AcceptQueue::length);
  append_queues(text, metrics.queues, "tcpserver_accept_queue_limit",
                "Capacity of the listen queue: the effective backlog.", &kernel::AcceptQueue::limit);
  if (metrics.dropped) {
    counter("tcpserver_listen_overflows_total",
            "Connection attempts dropped by the kernel, nearly all at full listen queues.", *metrics.dropped);
  }
  append_durations(text, counters.durations);
  counter("tcpserver_log_lines_dropped_total", "Log lines dropped because the log was not writable.",
          metrics.log_lines_dropped);
}

MetricsFile::MetricsFile(const std::string& path, Log& log)
    : path_(base::quote_unless_plain(path)),
      name_(base::file_name(path)),
      // A pid alone is not unique: servers in several containers may share the directory.
      temporary_name_(name_ + ".tmp." + std::to_string(::getpid()) + "." +
                      std::to_string(std::random_device()())),
      log_(log),
      directory_(base::open_directory(base::parent_directory(path).c_str())),
      text_(std::make_unique<MetricsText>()) {
  if (!directory_) {
    throw base::system_error("open the directory of --metrics-file " + path_, errno,
                             base::ExitStatus::cannot_create);
  }
  if (name_.empty() || is_taken()) {
    throw base::StartError(base::ExitStatus::cannot_create,
                           "--metrics-file " + path_ + ": not a regular file");
  }
}

// Without this check, root would replace /dev/null by a file.
bool MetricsFile::is_taken() const noexcept {
  struct stat status {};
  return ::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         !S_ISREG(status.st_mode);
}

void MetricsFile::write_first(const ServerMetrics& metrics) {
  remove_stale();
  const int error = replace(metrics);
  if (error != 0) {
    throw base::system_error("write --metrics-file " + path_, error, base::ExitStatus::cannot_create);
  }
}

void MetricsFile::write(const ServerMetrics& metrics) noexcept {
  const int error = replace(metrics);
  if (error == 0) return;
  log_.limited_warning(failures_, {"metrics_error", {{"errno", base::errno_name(error)}}},
                       "cannot update --metrics-file %s: %s", path_.c_str(),
                       error == EEXIST ? "no longer a regular file" : std::strerror(error));
}

// Returns 0 or an errno; EEXIST if the path is not a regular file.
int MetricsFile::replace(const ServerMetrics& metrics) noexcept {
  due_ = base::Clock::now() + between_writes;
  if (is_taken()) return EEXIST;
  const char* const temporary = temporary_name_.c_str();
  const auto file = base::create_file(directory_.get(), temporary, 0600);
  if (!file) return errno;
  text_->clear();
  append_metrics(*text_, metrics);
  if (::fchmod(file.get(), readable_by_all) == 0 &&
      base::write_all(file.get(), {text_->c_str(), text_->size()}) &&
      ::renameat(directory_.get(), temporary, directory_.get(), name_.c_str()) == 0) {
    return 0;
  }
  const int error = errno;
  ::unlinkat(directory_.get(), temporary, 0);
  return error;
}

void MetricsFile::remove_stale() const {
  const int listed = ::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const directory = listed < 0 ? nullptr : ::fdopendir(listed);
  if (directory == nullptr) return;  // this user may not list the directory
  const auto oldest = ::time(nullptr) - stale_after_s;
  while (const dirent* const entry = ::readdir(directory)) {
    struct stat status {};
    if (std::string_view(entry->d_name).starts_with(name_ + ".tmp.") &&
        ::fstatat(listed, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mtime < oldest) {
      ::unlinkat(listed, entry->d_name, 0);
    }
  }
  ::closedir(directory);
}

}  // namespace tcpserver::server
