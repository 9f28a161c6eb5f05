#include "server/daemon/reload.hpp"

#include "tcpserver/base/values.hpp"

#include <string_view>

namespace tcpserver::server {

namespace {

std::string text_of(const std::optional<BacklogRequest>& request) {
  return request ? base::plain_or_quoted(request->text) : "SOMAXCONN";
}
std::string text_of(std::uint32_t number) {
  return std::to_string(number);
}
std::string text_of(base::Duration duration) {
  return base::duration_text(duration);
}
std::string text_of(Overload overload) {
  return overload == Overload::queue ? "queue" : "refuse";
}
std::string text_of(Verbosity verbosity) {
  constexpr std::string_view names[] = {"quiet", "normal", "verbose"};
  return std::string(names[static_cast<std::size_t>(verbosity)]);
}

std::string text_of(LogFormat format) {
  return format == LogFormat::text ? "text" : "json";
}

bool same(const std::optional<BacklogRequest>& left, const std::optional<BacklogRequest>& right) {
  return left.has_value() == right.has_value() && (!left || left->value == right->value);
}
template <typename Value>
bool same(const Value& left, const Value& right) {
  return left == right;
}

void append(std::string& list, const std::string& item) {
  if (!list.empty()) list += ", ";
  list += item;
}

// Takes over the new value. True where it is another one.
template <typename Value>
bool take_over(Reload& reload, std::string_view name, Value& running, const Value& read) {
  if (same(running, read)) return false;
  append(reload.changed,
         std::string(name).append(" ").append(text_of(running)).append(" -> ").append(text_of(read)));
  running = read;
  return true;
}

}  // namespace

Reload compare(const ServerOptions& running, const ServerOptions& read) {
  Reload reload;
  auto& now = reload.options;
  now = running;
  reload.backlog = take_over(reload, "backlog", now.backlog, read.backlog);
  if (running.mode == Mode::iterative) {
    now.max_connections = read.max_connections;  // without effect, as was said at the start
    now.max_per_host = read.max_per_host;
    now.overload = read.overload;
  } else {
    reload.max_connections = take_over(reload, "max-connections", now.max_connections, read.max_connections);
    take_over(reload, "max-per-host", now.max_per_host, read.max_per_host);
    take_over(reload, "overload", now.overload, read.overload);
  }
  reload.idle_timeout = take_over(reload, "idle-timeout", now.idle_timeout, read.idle_timeout);
  take_over(reload, "drain-timeout", now.drain_timeout, read.drain_timeout);
  take_over(reload, "verbosity", now.verbosity, read.verbosity);
  take_over(reload, "log-format", now.log_format, read.log_format);

  if (read.port != running.port) append(reload.needs_restart, "port");
  if (read.bind != running.bind) append(reload.needs_restart, "bind");
  if (read.mode != running.mode) append(reload.needs_restart, "mode");
  if (read.reap != running.reap) append(reload.needs_restart, "reap");
  if (read.service != running.service) append(reload.needs_restart, "service");
  if (read.sandbox != running.sandbox) append(reload.needs_restart, "sandbox");
  if (read.daemonize != running.daemonize) append(reload.needs_restart, "daemonize");
  if (read.pid_file != running.pid_file) append(reload.needs_restart, "pid-file");
  if (read.user != running.user) append(reload.needs_restart, "user");
  if (read.log_target() != running.log_target()) append(reload.needs_restart, "log");
  if (read.metrics_file != running.metrics_file) append(reload.needs_restart, "metrics-file");
  if (read.record != running.record) append(reload.needs_restart, "record");
  if (read.record_limit != running.record_limit) append(reload.needs_restart, "record-limit");
  return reload;
}

}  // namespace tcpserver::server
