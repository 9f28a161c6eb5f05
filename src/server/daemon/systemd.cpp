#include "server/daemon/systemd.hpp"

#include "tcpserver/base/values.hpp"
#include "tcpserver/kernel/process_table.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace tcpserver::server {

namespace {

constexpr auto status_interval = std::chrono::seconds(1);

// Returns a socket that is connected to systemd's. A leading @ marks an abstract name (unix(7)).
base::UniqueFd connect_to_systemd() noexcept {
  const char* const name = std::getenv("NOTIFY_SOCKET");
  errno = EAFNOSUPPORT;
  if (name == nullptr || (name[0] != '/' && name[0] != '@')) return {};
  sockaddr_un address{};
  const std::size_t length = std::strlen(name);
  errno = ENAMETOOLONG;
  if (length >= sizeof address.sun_path) return {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name, length);
  if (name[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
  return fd;
}

// Returns nullopt if the variable is missing or invalid.
std::optional<std::uint64_t> read_watchdog_microseconds() noexcept {
  const char* const text = std::getenv("WATCHDOG_USEC");
  constexpr std::chrono::microseconds longest = base::longest_duration;
  if (text == nullptr) return std::nullopt;
  return base::parse_count(text, 1, static_cast<std::uint64_t>(longest.count()));
}

// Returns half of the watchdog's interval, as sd_watchdog_enabled(3) recommends.
std::optional<base::Duration> read_watchdog_interval() noexcept {
  const char* const pid = std::getenv("WATCHDOG_PID");
  if (pid != nullptr && base::parse_count(pid, 1, INT32_MAX) != static_cast<std::uint64_t>(::getpid())) {
    return std::nullopt;
  }
  const auto number = read_watchdog_microseconds();
  if (!number) return std::nullopt;
  constexpr base::Duration shortest = std::chrono::milliseconds(10);
  return std::max<base::Duration>(std::chrono::microseconds(*number) / 2, shortest);
}

bool is_set(const char* variable) noexcept {
  const char* const text = std::getenv(variable);
  return text != nullptr && *text != '\0';
}

// Returns the process that the variable names; nullopt if it is this one, or if there is no valid number.
std::optional<pid_t> find_other_process(const char* variable) {
  if (!is_set(variable)) return std::nullopt;
  const auto number = base::parse_count(std::getenv(variable), 1, INT32_MAX);
  if (!number || *number == static_cast<std::uint64_t>(::getpid())) return std::nullopt;
  return static_cast<pid_t>(*number);
}

// A number that came from outside a container names no ancestor.
bool is_ancestor(pid_t pid) {
  pid_t parent = ::getppid();
  for (int level = 0; level < 100 && parent > 0; ++level) {
    if (parent == pid) return true;
    const auto facts = kernel::process_facts(parent);
    if (!facts) return false;
    parent = facts->parent;
  }
  return false;
}

void log_other_process(const char* variable, pid_t pid, const char* effect, Severity severity, Log& log) {
  const auto facts = kernel::process_facts(pid);
  const LogEvent event{"wrapper_process", {{"variable", variable}, {"pid", pid}}};
  const auto text =
      base::format_text("%s names process %d (%s), not this one (%d): %s; in a script, use exec tcpserver",
                        variable, static_cast<int>(pid), facts ? facts->name.c_str() : "not running",
                        static_cast<int>(::getpid()), effect);
  if (severity == Severity::info) return log.info(event, "%s", text.c_str());
  log.warning(event, "%s", text.c_str());
}

void log_invalid(const char* variable, const char* effect, Log& log) {
  log.warning({"invalid_variable", {{"variable", variable}}}, "%s: invalid value %s: %s", variable,
              base::quote_unless_plain(std::getenv(variable)).c_str(), effect);
}

long long to_microseconds(base::Duration duration) noexcept {
  return duration / std::chrono::microseconds(1);
}

}  // namespace

void log_wrapper_process(Log& log) {
  const bool has_sockets = is_set("LISTEN_FDS");
  if (has_sockets != is_set("LISTEN_PID")) {
    const char* const present = has_sockets ? "LISTEN_FDS" : "LISTEN_PID";
    log.warning({"incomplete_variables", {{"variable", present}}},
                "%s is set without %s: no sockets are taken over; set both or none", present,
                has_sockets ? "LISTEN_PID" : "LISTEN_FDS");
  } else if (const auto pid = has_sockets ? find_other_process("LISTEN_PID") : std::nullopt) {
    const auto count = base::parse_count(std::getenv("LISTEN_FDS"), 0, INT32_MAX);
    if (!count) log_invalid("LISTEN_FDS", "no sockets are taken over", log);
    if (count != 0U) {
      log_other_process("LISTEN_PID", *pid, "its sockets (LISTEN_FDS) are not taken over", Severity::warning,
                        log);
    }
  }
  if (!is_set("NOTIFY_SOCKET")) return;
  if (!SystemdNotifier().listens()) {
    const int error = errno;
    return log.warning({"notify_error", {{"errno", base::errno_name(error)}}},
                       "NOTIFY_SOCKET %s: %s; the service manager is not notified",
                       base::quote_unless_plain(std::getenv("NOTIFY_SOCKET")).c_str(), std::strerror(error));
  }
  if (const auto pid = find_other_process("SYSTEMD_EXEC_PID"); pid && is_ancestor(*pid)) {
    log_other_process("SYSTEMD_EXEC_PID", *pid,
                      "systemd ignores the notifications to NOTIFY_SOCKET unless NotifyAccess=all",
                      Severity::info, log);  // NotifyAccess= is not visible here
  }
  if (!is_set("WATCHDOG_USEC")) return;
  const char* const effect = "no watchdog keep-alives are sent";
  const char* const watched = std::getenv("WATCHDOG_PID");
  if (!read_watchdog_microseconds()) {
    log_invalid("WATCHDOG_USEC", effect, log);
  } else if (watched != nullptr && !base::parse_count(watched, 1, INT32_MAX)) {
    log_invalid("WATCHDOG_PID", effect, log);
  } else if (const auto pid = find_other_process("WATCHDOG_PID")) {
    log_other_process("WATCHDOG_PID", *pid, effect, Severity::warning, log);
  }
}

SystemdNotifier::SystemdNotifier() noexcept : socket_(connect_to_systemd()) {
  if (socket_) watchdog_interval_ = read_watchdog_interval();
}

bool SystemdNotifier::send(std::string_view text) noexcept {
  return !socket_ || ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
                         static_cast<ssize_t>(text.size());
}

void SystemdNotifier::notify(const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  state_.clear();
  state_.append_list(format, arguments);
  va_end(arguments);
  state_is_sent_ = send(state_.c_str());
}

void SystemdNotifier::notify_reloading() noexcept {
  notify("RELOADING=1\nMONOTONIC_USEC=%lld", to_microseconds(base::Clock::now().time_since_epoch()));
}

void SystemdNotifier::notify_stopping(base::Duration at_most) noexcept {
  notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", to_microseconds(at_most));
}

bool SystemdNotifier::wants_status(base::TimePoint now, std::uint64_t events) noexcept {
  if (!socket_) return false;
  if (watchdog_interval_ && now >= next_watchdog_) {
    static_cast<void>(send("WATCHDOG=1"));  // if this fails, the next one follows soon
    next_watchdog_ = now + *watchdog_interval_;
  }
  if (now < next_status_) return false;
  next_status_ = now + status_interval;
  sent_events_ = events;
  if (!state_is_sent_) state_is_sent_ = send(state_.c_str());
  return true;
}

void SystemdNotifier::notify_status(const ServiceStatus& status) noexcept {
  if (status_is_sent_ && std::strcmp(status.c_str(), status_.c_str()) == 0) return;
  status_ = status;
  base::BoundedText<ServiceStatus::capacity + 8> text;
  text.append("STATUS=%s", status.c_str());
  status_is_sent_ = send(text.c_str());
}

std::optional<base::TimePoint> SystemdNotifier::due(std::uint64_t events) const noexcept {
  if (!socket_) return std::nullopt;
  std::optional<base::TimePoint> next;
  if (events != sent_events_ || !state_is_sent_ || !status_is_sent_) next = next_status_;
  return watchdog_interval_ ? base::earlier(next, next_watchdog_) : next;
}

}  // namespace tcpserver::server
