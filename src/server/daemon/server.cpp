#include "server/daemon/server.hpp"

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/server/admit/iterative_sessions.hpp"
#include "tcpserver/server/confine/sandbox.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>

namespace tcpserver::server {

namespace {

// Killed children have ended by then: SIGKILL takes only processor time.
constexpr auto kill_timeout = std::chrono::seconds(5);

std::optional<Recorder> make_recorder(const ServerOptions& options, Log& log) {
  if (!options.record.empty())
    return std::optional<Recorder>(std::in_place, options.record, options.record_limit, log);
  if (options.record_limit != 0)
    log.info(LogEvent{"option_unused"}, "--record-limit has no effect without --record");
  return std::nullopt;
}

}  // namespace

Server::Server(const ServerCommand& command, ReadCommand read_again, base::SignalWindow& window, Log& log)
    : options_(command.options),
      read_again_(std::move(read_again)),
      window_(window),
      log_(log),
      recorder_(make_recorder(options_, log_)),
      reporter_(log_, counters_, recorder_ ? &*recorder_ : nullptr),
      listeners_(options_, log_),
      sessions_(make_sessions()),
      acceptor_(options_, listeners_, *sessions_, window_, counters_, log_),
      housekeeping_(options_, window_, counters_, listeners_, *sessions_, log_) {
  explain_lesson_mode();
}

std::unique_ptr<Sessions> Server::make_sessions() {
  if (options_.mode == Mode::fork) {
    return make_forked_sessions(options_, choose_sandbox(options_, log_), window_, reporter_, counters_,
                                log_);
  }
  window_.start_reaping(base::unrecorded_collector());  // reaps children that were inherited across exec
  return make_iterative_sessions(options_, *this, reporter_);
}

void Server::explain_lesson_mode() noexcept {
  if (options_.mode == Mode::iterative) {
    const auto unused = cli::unused_options(server_option_table(), options_);
    log_.info({"lesson_mode", {{"mode", "iterative"}}},
              "--mode iterative: serves one client at a time; others wait in the listen queue%s%s",
              unused.empty() ? "" : "; ignored in this mode: ", unused.c_str());
  } else if (options_.reap == Reap::once) {
    log_.info(
        {"lesson_mode", {{"reap", "once"}}},
        "--reap once: one wait per SIGCHLD; children that end together leave zombies, which keep slots");
  } else if (options_.reap == Reap::none) {
    log_.info({"lesson_mode", {{"reap", "none"}}},
              "--reap none: ended children stay zombies and keep their slots; accepts only %u connections",
              options_.max_connections);
  }
}

std::vector<WritableDir> Server::writable_directories() const {
  std::vector<WritableDir> directories;
  if (const auto directory = housekeeping_.metrics_directory())
    directories.push_back({.descriptor = *directory, .create = true, .remove = true});
  if (recorder_)
    directories.push_back({.descriptor = recorder_->directory(), .create = true, .remove = true});
  return directories;
}

void Server::try_outputs() {
  if (recorder_) recorder_->check_writable();
  housekeeping_.try_metrics();
}

void Server::announce(bool output_closed) noexcept {
  const auto& ports = listeners_.ports();
  const bool is_json = log_.format() == LogFormat::json;
  if (is_json) log_start();
  listeners_.log_backlog(options_);
  if (is_json) {
    // log_start() has announced the listeners, and a reader of both streams expects only JSON.
    housekeeping_.omit_announcement();
  } else if (output_closed) {
    log_.info(LogEvent{"stdout_closed"}, "listening on %s (standard output is closed)", ports.c_str());
    housekeeping_.omit_announcement();
  } else {
    housekeeping_.announce(ports);
  }
  housekeeping_.notify_ready();
}

// Logs only in JSON, because in text the announcement on standard output serves the same purpose. Like the
// announcement, the addresses are logged even with --quiet.
void Server::log_start() noexcept {
  LogRecord start(log_.format(), Severity::info, "start");
  start.add("version", cli::version());
  start.add("pid", static_cast<std::uint64_t>(::getpid()));
  log_.write(start);
  for (const auto& listener : listeners_.all()) {
    char address[base::SocketAddress::text_size];
    LogRecord record(log_.format(), Severity::notice, "listening");
    record.add("listener", listener.address.format(address));
    log_.write(record);
  }
}

base::ExitStatus Server::run() {
  sessions_->prepare();
  while (window_.stop_requests() == 0 && !listeners_.closed()) {
    acceptor_.wait(housekeeping_.due());
    if (sessions_->collect_finished()) acceptor_.resume();
    // Do this before clients are admitted, so that it sees a full server as full.
    do_periodic_work();
    acceptor_.admit_waiting();
  }
  const bool stop_was_requested = window_.stop_requests() > 0;
  stop_listening();
  drain();
  housekeeping_.finish();
  return stop_was_requested ? base::ExitStatus::ok : base::ExitStatus::system;
}

// Answers signals and does periodic work. A stop request closes the listeners at once, in the iterative
// server even during a session, so that another server can take the port.
void Server::do_periodic_work() noexcept {
  if (window_.take_status_request()) housekeeping_.report_status();
  if (window_.take_reload_request()) reload();
  if (window_.stop_requests() > 0) stop_listening();
  housekeeping_.after_wait();
}

// Used by the iterative server to wait for its client.
SessionWaiter::Result Server::wait(int connection, short events,
                                   std::optional<base::TimePoint> deadline) noexcept {
  window_.deliver_pending_signals();
  for (;;) {
    do_periodic_work();
    const int stop_requests = window_.stop_requests();
    const auto now = base::Clock::now();
    if (stop_requests > 0 && !drain_deadline_) {
      drain_deadline_ = now + options_.drain_timeout;
      log_draining(1);
    }
    if (stop_requests > 1 || (drain_deadline_ && now >= *drain_deadline_)) return Result::stop;
    if (deadline && now >= *deadline) return Result::timed_out;
    pollfd polled{.fd = connection, .events = events, .revents = 0};
    const auto until = base::earlier(base::earlier(deadline, drain_deadline_), housekeeping_.due());
    if (window_.wait({&polled, 1}, base::time_left(until)) > 0) return Result::ready;
  }
}

void Server::stop_listening() noexcept {
  if (stopping_) return;
  stopping_ = true;
  log_.start_new_line();
  housekeeping_.begin_stop();
  listeners_.close();
}

// Waits for open sessions until the drain timeout or a second stop request, then kills them.
void Server::drain() noexcept {
  sessions_->begin_drain();
  sessions_->collect_finished();
  const auto open = [this] { return sessions_->count(false).open; };
  if (open() == 0) return;

  // If all listeners failed, no stop was requested yet, and the first request ends the drain.
  const int enough = window_.stop_requests() == 0 ? 1 : 2;
  if (window_.stop_requests() < enough) log_draining(open());
  wait_for_sessions(base::Clock::now() + options_.drain_timeout, enough);
  if (open() == 0) return;

  log_.start_new_line();
  log_.info({"killing_sessions", {{"open", open()}}}, "stopping: killing %u %s", open(),
            open() == 1 ? "session" : "sessions");
  sessions_->kill_all();
  wait_for_sessions(base::Clock::now() + kill_timeout, 0);
}

// Returns when no session is open, at the deadline, or after this number of stop requests (0 ignores them).
void Server::wait_for_sessions(base::TimePoint deadline, int stop_requests) noexcept {
  while (sessions_->count(false).open > 0 && base::Clock::now() < deadline) {
    if (stop_requests != 0 && window_.stop_requests() >= stop_requests) return;
    static_cast<void>(window_.wait({}, base::time_left(base::earlier(deadline, housekeeping_.due()))));
    sessions_->collect_finished();
    do_periodic_work();
  }
}

void Server::log_draining(std::uint32_t open) noexcept {
  const auto timeout = options_.drain_timeout;
  if (timeout == base::Duration::zero()) return;  // the sessions are killed at once
  log_.info({"stopping", {{"open", open}, {"drain_timeout_ms", timeout / std::chrono::milliseconds(1)}}},
            "stopping: waiting up to %s for %u %s (signal again to stop now)",
            base::format_duration(timeout).c_str(), open, open == 1 ? "session" : "sessions");
}

void Server::reload() noexcept {
  if (stopping_) return log_.notice(LogEvent{"reload_ignored"}, "reload: ignored, the server is stopping");
  if (options_.config.empty()) {
    log_.notice(LogEvent{"reload_ignored"},
                "reload: no configuration file to read; start the server with --config");
    return listen_again();
  }
  housekeeping_.begin_reload();
  try {
    apply(read_again_().options);
    housekeeping_.end_reload(false);
  } catch (const std::exception& error) {
    log_.warning(LogEvent{"reload_failed"}, "reload failed, nothing changed: %s", error.what());
    listen_again();
    housekeeping_.end_reload(true);
  }
}

// A changed net.core.somaxconn takes effect even if no option can change.
void Server::listen_again() noexcept {
  housekeeping_.report_overflows();
  if (const auto before = listeners_.apply(options_, options_)) listeners_.log_backlog(options_, before);
}

// Throws and changes nothing if memory is not available.
void Server::apply(ServerOptions&& read) {
  auto reload = cli::compare(server_option_table(), options_, read);
  housekeeping_.report_overflows();
  if (reload.options.max_connections != options_.max_connections)
    sessions_->resize(reload.options.max_connections);
  // Nothing fails from here on.
  const auto previous_limit = listeners_.apply(options_, reload.options);
  options_ = std::move(reload.options);
  log_.set_verbosity(options_.verbosity);
  log_.set_format(options_.log_format);
  log_.set_time(options_.log_time);
  const auto* const changed = reload.changed.c_str();
  const auto* const needs_restart = reload.needs_restart.c_str();
  log_.notice({"reload", {{"changed", changed}}}, "reload: %s%s",
              !reload.changed.empty() ? "changed: "
              : previous_limit        ? "no option changed"
                                      : "nothing changed",
              changed);
  if (previous_limit) listeners_.log_backlog(options_, previous_limit);
  if (!reload.needs_restart.empty()) {
    log_.warning({"restart_required", {{"options", needs_restart}}}, "reload: restart required for: %s",
                 needs_restart);
  }
  sessions_->prepare();
  // prepare() may have reaped children, and the counters do not include them until they are collected.
  sessions_->collect_finished();
}

}  // namespace tcpserver::server
