#include "server/daemon/server.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/server/admit/accept_loop.hpp"
#include "tcpserver/server/admit/iterative_sessions.hpp"
#include "tcpserver/server/child/forked_sessions.hpp"
#include "tcpserver/server/confine/privileges.hpp"
#include "tcpserver/server/listen/backlog.hpp"
#include "tcpserver/server/listen/inherited_sockets.hpp"
#include "tcpserver/server/listen/overflow_watch.hpp"

#include "server/daemon/reload.hpp"
#include "server/daemon/systemd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>

namespace tcpserver::server {

namespace {

// What a service manager should wait beyond the drain time-out before it loses patience: for sessions that
// are killed, and for a slow machine.
constexpr auto beyond_the_drain = std::chrono::seconds(15);

// The options that were given and that the iterative server has no use for.
base::BoundedText<160> without_effect_in_one_process(const ServerOptions& options) noexcept {
  const ServerOptions defaults;
  base::BoundedText<160> names;
  const auto name = [&names](const char* option, bool given) {
    if (given) names.append("%s%s", names.size() == 0 ? "" : ", ", option);
  };
  name("--reap", options.reap != defaults.reap);
  name("--max-connections", options.max_connections != defaults.max_connections);
  name("--max-per-host", options.max_per_host != defaults.max_per_host);
  name("--overload", options.overload != defaults.overload);
  return names;
}

std::optional<Recorder> make_recorder(const ServerOptions& options, Log& log) {
  std::optional<Recorder> recorder;
  if (!options.record.empty()) {
    recorder.emplace(options.record, options.record_limit, log);
  } else if (options.record_limit != 0) {
    log.info("--record-limit has no effect without --record");
  }
  return recorder;
}

}  // namespace

Server::Server(const ServerCommand& command, ReadCommand read_again, base::SignalWindow& window, Log& log)
    : options_(command.options),
      read_again_(std::move(read_again)),
      window_(window),
      log_(log),
      recorder_(make_recorder(options_, log_)),
      context_{.options = options_,
               .window = window_,
               .counters = counters_,
               .log = log_,
               .upkeep = *this,
               .recorder = recorder_ ? &*recorder_ : nullptr},
      listening_(listen()),
      overflows_(listening_),
      sessions_(make_sessions()),
      loop_(std::move(listening_), *sessions_, context_) {
  if (!options_.metrics_file.empty()) metrics_.emplace(options_.metrics_file, log_);
  explain_lesson_mode();
}

std::vector<KeptFolder> Server::writable_folders() const {
  std::vector<KeptFolder> folders;
  if (metrics_) folders.push_back({KeptFolder::Use::replace, metrics_->folder()});
  if (recorder_) folders.push_back({KeptFolder::Use::create, recorder_->folder()});
  return folders;
}

void Server::try_outputs() {
  if (recorder_) recorder_->try_folder();
  if (metrics_) metrics_->write_first(metrics_figures());
}

std::vector<Listener> Server::listen() {
  const int inherited = count_inherited_sockets();
  auto listeners = inherited > 0 ? take_over_listeners(inherited) : bind_listeners();
  std::vector<std::uint16_t> ports;
  for (const auto& listener : listeners) {
    const auto port = listener.address.port();
    if (std::find(ports.begin(), ports.end(), port) == ports.end()) ports.push_back(port);
  }
  ports_ = ports.size() == 1 ? "port" : "ports";
  for (const auto port : ports) {
    ports_.append(port == ports.front() ? " " : ", ").append(std::to_string(port));
  }
  log_backlog(listeners.front());
  return listeners;
}

std::vector<Listener> Server::bind_listeners() {
  auto listening = open_listeners({.addresses = options_.bind,
                                   .port = options_.port,
                                   .backlog = choose_length(options_.backlog, SOMAXCONN),
                                   .idle_timeout = options_.idle_timeout});
  if (!listening.left_out.empty()) log_.info("%s", listening.left_out.c_str());
  return std::move(listening.listeners);
}

std::vector<Listener> Server::take_over_listeners(int count) {
  auto listeners = inherit_listeners(count, options_.idle_timeout);
  const auto queue = kernel::accept_queue(listeners.front().fd.get());
  inherited_backlog_ = queue ? static_cast<int>(queue->limit) : SOMAXCONN;
  for (const auto& listener : listeners) {
    if (options_.backlog && !set_backlog(listener, backlog_of(options_))) {
      throw base::system_error("listen on a socket of the service manager");
    }
  }
  std::string addresses;
  for (const auto& listener : listeners) {
    addresses.append(addresses.empty() ? "" : ", ").append(listener.address.text());
  }
  log_.info("the service manager listens on %s: --port and --bind have no effect", addresses.c_str());
  return listeners;
}

// What listen(2) is asked for.
int Server::backlog_of(const ServerOptions& options) const noexcept {
  if (inherited_backlog_ && !options.backlog) return *inherited_backlog_;
  return choose_length(options.backlog, SOMAXCONN);
}

void Server::log_backlog(const Listener& listener) noexcept {
  try {
    const auto kernel = kernel::kernel_limits(listener.fd.get());
    if (inherited_backlog_ && !options_.backlog) {
      if (kernel.in_effect)
        log_.info("backlog %u in effect, as the service manager asked", *kernel.in_effect);
      return;
    }
    const auto backlog = choose(options_.backlog, SOMAXCONN);
    log_.info("%s", report(backlog, kernel, SOMAXCONN).c_str());
  } catch (const std::bad_alloc&) {
    log_.warning("no memory left to say what became of the backlog");
  }
}

std::unique_ptr<Sessions> Server::make_sessions() {
  if (options_.mode == Mode::iterative) return std::make_unique<IterativeSessions>(context_);
  return std::make_unique<ForkedSessions>(context_, choose_sandbox(options_, log_));
}

void Server::explain_lesson_mode() noexcept {
  if (options_.mode == Mode::iterative) {
    const auto idle = without_effect_in_one_process(options_);
    log_.info("--mode iterative: one client at a time, the others wait in the listen queue%s%s",
              idle.size() == 0 ? "" : "; with no children, these have no effect: ", idle.c_str());
  } else if (options_.reap == Reap::none) {
    log_.info(
        "--reap none: ended children stay as zombies and keep their places; after %u connections no "
        "further client is served",
        options_.max_connections);
  }
}

void Server::say_ready(bool output_closed) noexcept {
  announce(output_closed);
  manager_.say_ready();
}

void Server::announce(bool output_closed) noexcept {
  if (output_closed) {
    log_.info("standard output is closed: listening on %s", ports_.c_str());
    return;
  }
  // A reader that stalls must not make the server deaf: the wait hears a request to stop.
  pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  while (window_.wait({&output, 1}, std::nullopt) < 0 && errno == EINTR) {
    if (window_.stop_requests() > 0) return;
  }
  const std::string line = "Server is listening on " + ports_ + "\n";
  if (!base::write_all(STDOUT_FILENO, line)) {
    log_.warning("cannot announce %s on standard output: %s", ports_.c_str(), std::strerror(errno));
  }
}

void Server::after_wait() noexcept {
  if (window_.take_status_request()) {
    log_status();
    keep_metrics();
  }
  if (window_.take_reload_request()) reload();
  // At once, the iterative server's in the middle of a session too: the port is free for a successor.
  if (window_.stop_requests() > 0 && !stopping_) begin_to_stop();
  const auto now = base::Clock::now();
  log_.after_wait(now);
  overflows_.after_wait(now, loop_.listeners(), scene(), log_);
  if (manager_.wants_status(now, events())) manager_.say_status(service_status());
  if (metrics_ && now >= metrics_->due()) keep_metrics();
}

MetricsFigures Server::metrics_figures() noexcept {
  const auto since_1970 = std::chrono::duration_cast<std::chrono::seconds>(started_.time_since_epoch());
  return {.counters = counters_,
          .sessions = sessions_->count(true),
          .listeners = loop_.listeners(),
          .dropped = overflows_.dropped(loop_.listeners()),
          .log_lines_dropped = log_.dropped(),
          .started_s = since_1970.count()};
}

void Server::keep_metrics() noexcept {
  if (metrics_) metrics_->write(metrics_figures());
}

void Server::begin_to_stop() noexcept {
  stopping_ = true;
  loop_.stop_listening();
  manager_.say_stopping(options_.drain_timeout + beyond_the_drain);
}

// What changes the status: sessions that begin or end, clients that are refused, reloads.
std::uint64_t Server::events() const noexcept {
  return std::accumulate(counters_.ended.begin(), counters_.ended.end(),
                         counters_.accepted + reloads_ + (stopping_ ? 1 : 0));
}

// Short enough for one line of `systemctl status`.
ServiceStatus Server::service_status() noexcept {
  const auto sessions = sessions_->count(false);
  ServiceStatus text;
  text.append("%s%u of %u %s, %llu accepted, %llu refused", stopping_ ? "stopping: " : "", sessions.open,
              sessions.most, sessions.reaped ? "sessions open" : "places taken, by zombies too",
              static_cast<unsigned long long>(counters_.accepted),
              static_cast<unsigned long long>(counters_.all_refused()));
  std::optional<kernel::AcceptQueue> longest;
  for (const auto& listener : loop_.listeners()) {
    const auto queue = kernel::accept_queue(listener.fd.get());
    if (queue && (!longest || queue->length > longest->length)) longest = queue;
  }
  if (longest) text.append("; queue %u of %u", longest->length, longest->limit);
  if (const auto dropped = overflows_.dropped(loop_.listeners())) {
    text.append(", %llu drops", static_cast<unsigned long long>(*dropped));
  }
  if (reload_failed_) text.append("; the configuration has an error, see the log");
  return text;
}

void Server::before_closing() noexcept {
  overflows_.before_closing(loop_.listeners(), scene(), log_);
}

OverflowScene Server::scene() const noexcept {
  return {.mode = options_.mode,
          .full = sessions_->full() && options_.overload == Overload::queue,
          .max_connections = options_.max_connections,
          .backlog = backlog_of(options_),
          .in_effect = 0,
          .largest = SOMAXCONN,
          .of_service_manager = inherited_backlog_ && !options_.backlog};
}

std::optional<base::TimePoint> Server::due() const noexcept {
  auto report = earlier(manager_.due(events()), log_.due());
  if (metrics_) report = earlier(report, metrics_->due());
  if (loop_.listeners().empty()) return report;
  return earlier(report, overflows_.due(scene().full));
}

StatusText Server::status() noexcept {
  auto text = status_text(counters_, sessions_->count(true));
  if (options_.mode == Mode::fork && options_.reap == Reap::handler) {
    const auto reaped = window_.reaped();
    text.append("; children reaped: %llu, SIGCHLDs handled: %llu",
                static_cast<unsigned long long>(reaped.children),
                static_cast<unsigned long long>(reaped.signals));
  }
  if (const auto dropped = overflows_.dropped(loop_.listeners())) {
    text.append("; %llu drops at full queues", static_cast<unsigned long long>(*dropped));
  }
  return text;
}

// One line, and more of them where there are many listeners.
void Server::log_status() noexcept {
  auto text = status();
  for (const auto& listener : loop_.listeners()) {
    const auto queue = kernel::accept_queue(listener.fd.get());
    if (!queue) continue;
    char address[base::SocketAddress::text_size];
    base::BoundedText<128> piece;
    piece.append("queue %u of %u on %s", queue->length, queue->limit, listener.address.format(address));
    if (text.room() < piece.size() + 2) {
      log_.answer("%s", text.c_str());
      text = {};
    }
    text.append("%s%s", text.size() == 0 ? "" : "; ", piece.c_str());
  }
  log_.answer("%s", text.c_str());
}

void Server::reload() noexcept {
  if (options_.config.empty()) {
    log_.answer("SIGHUP: there is no configuration file to read again (--config)");
    return;
  }
  if (loop_.listeners().empty()) {
    log_.answer("SIGHUP: the server is stopping, and reads nothing again");
    return;
  }
  manager_.say_reloading();
  ++reloads_;
  try {
    auto reload = compare(options_, read_again_().options);
    if (reload.max_connections) sessions_->resize(reload.options.max_connections);
    put_in_force(std::move(reload));  // nothing fails from here on
    sessions_->get_ready();
    // It may have reaped some, who are in no sum until they are booked.
    static_cast<void>(sessions_->settle());
    reload_failed_ = false;
  } catch (const std::exception& error) {
    reload_failed_ = true;
    log_.warning("SIGHUP: nothing is changed: %s", error.what());
  }
  manager_.say_ready();
}

void Server::put_in_force(Reload&& reload) noexcept {
  const int backlog = backlog_of(reload.options);
  for (const auto& listener : loop_.listeners()) {
    if (!listener.fd) continue;
    const bool done = (!reload.backlog || set_backlog(listener, backlog)) &&
                      (!reload.idle_timeout || set_idle_timeout(listener, reload.options.idle_timeout));
    char address[base::SocketAddress::text_size];
    if (!done)
      log_.warning("cannot change the listener on %s: %s", listener.address.format(address),
                   std::strerror(errno));
  }
  options_ = std::move(reload.options);
  log_.set_verbosity(options_.verbosity);
  log_.set_format(options_.log_format);
  if (reload.changed.empty()) {
    log_.answer("SIGHUP: configuration read again, %s",
                reload.needs_restart.empty() ? "nothing to change" : "nothing changes now");
  } else {
    log_.answer("SIGHUP: configuration read again, now in force: %s", reload.changed.c_str());
  }
  const auto listeners = loop_.listeners();
  const auto working = std::find_if(listeners.begin(), listeners.end(),
                                    [](const Listener& listener) { return static_cast<bool>(listener.fd); });
  if (reload.backlog && working != listeners.end()) log_backlog(*working);
  if (!reload.needs_restart.empty()) {
    log_.warning("SIGHUP: changed, and in force after a restart alone: %s", reload.needs_restart.c_str());
  }
}

base::ExitStatus Server::run() {
  sessions_->get_ready();
  const bool stopped_on_request = loop_.run();
  if (!stopping_) begin_to_stop();
  sessions_->drain();
  keep_metrics();
  log_.info("stopped: %s", status().c_str());
  return stopped_on_request ? base::ExitStatus::ok : base::ExitStatus::system;
}

}  // namespace tcpserver::server
