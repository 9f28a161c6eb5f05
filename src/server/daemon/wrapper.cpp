#include "server/daemon/wrapper.hpp"

#include "tcpserver/base/values.hpp"
#include "tcpserver/kernel/process_table.hpp"

#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>

namespace tcpserver::server {

namespace {

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

void log_other_process(const char* variable, pid_t pid, const char* effect, Log& log) {
  const auto facts = kernel::process_facts(pid);
  log.warning({"wrapper_process", {{"variable", variable}, {"pid", pid}}},
              "%s names process %d (%s), not this one (%d): %s; start tcpserver with exec", variable,
              static_cast<int>(pid), facts ? facts->name.c_str() : "not running",
              static_cast<int>(::getpid()), effect);
}

}  // namespace

void log_wrapper_process(bool notifies, Log& log) {
  const bool has_sockets = is_set("LISTEN_FDS");
  if (has_sockets != is_set("LISTEN_PID")) {
    const char* const present = has_sockets ? "LISTEN_FDS" : "LISTEN_PID";
    log.warning({"incomplete_variables", {{"variable", present}}},
                "%s is set without %s: no sockets are taken over; set both or none", present,
                has_sockets ? "LISTEN_PID" : "LISTEN_FDS");
  } else if (const auto pid = find_other_process("LISTEN_PID")) {
    log_other_process("LISTEN_PID", *pid, "its sockets (LISTEN_FDS) are not taken over", log);
  }
  if (!notifies) return;
  if (const auto pid = find_other_process("SYSTEMD_EXEC_PID"); pid && is_ancestor(*pid)) {
    log_other_process("SYSTEMD_EXEC_PID", *pid,
                      "systemd ignores the notifications to NOTIFY_SOCKET unless NotifyAccess=all", log);
  }
  const auto watched = is_set("WATCHDOG_USEC") ? find_other_process("WATCHDOG_PID") : std::nullopt;
  if (watched) log_other_process("WATCHDOG_PID", *watched, "no watchdog keep-alives are sent", log);
}

}  // namespace tcpserver::server
