#include "tcpserver/server/server.hpp"

#include "tcpserver/backlog/backlog.hpp"
#include "tcpserver/backlog/socket_facts.hpp"
#include "tcpserver/posix/io.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/server/accept_loop.hpp"
#include "tcpserver/server/forked_sessions.hpp"
#include "tcpserver/server/iterative_sessions.hpp"
#include "tcpserver/server/overflow_watch.hpp"
#include "tcpserver/server/reload.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

namespace tcpserver::server {

namespace {

using options::Mode;
using options::SandboxWish;
using options::ServerOptions;

const char* yes_or_no(bool answer) noexcept {
  return answer ? "yes" : "no";
}

// The options that were given and that the iterative server has no use for.
BoundedText<160> without_effect_in_one_process(const ServerOptions& options) noexcept {
  const ServerOptions defaults;
  BoundedText<160> names;
  const auto name = [&names](const char* option, bool given) {
    if (given) names.append("%s%s", names.size() == 0 ? "" : ", ", option);
  };
  name("--reap", options.reap != defaults.reap);
  name("--max-connections", options.max_connections != defaults.max_connections);
  name("--max-per-host", options.max_per_host != defaults.max_per_host);
  name("--overload", options.overload != defaults.overload);
  return names;
}

// One running daemon. Members stand in the order in which they are made.
class Server final : private Upkeep {
 public:
  Server(const options::ServerCommand& command, ReadCommand read_again, SignalWindow& window, Log& log);
  // `output_closed`: whoever started it closed standard output, and /dev/null has its place.
  posix::ExitStatus run(bool output_closed);

 private:
  std::vector<Listener> listen();
  std::unique_ptr<Sessions> make_sessions();
  [[nodiscard]] Sandbox choose_sandbox();
  void give_up_rights() noexcept;
  void explain_lesson_mode() noexcept;
  void announce(bool output_closed) noexcept;
  void after_wait() noexcept override;
  void before_closing() noexcept override;
  [[nodiscard]] std::optional<posix::TimePoint> due() const noexcept override;
  [[nodiscard]] OverflowScene scene() const noexcept;
  [[nodiscard]] StatusText status() noexcept;
  void log_backlog(const Listener& listener) noexcept;
  void log_status() noexcept;
  void reload() noexcept;
  void put_in_force(Reload&& reload) noexcept;

  ServerOptions options_;  // those in force now
  ReadCommand read_again_;
  SignalWindow& window_;
  Log& log_;
  Counters counters_;
  Context context_;
  std::uint16_t port_ = 0;
  int highest_descriptor_ = 0;
  std::vector<Listener> listening_;  // until the loop has them
  OverflowWatch overflows_;
  std::unique_ptr<Sessions> sessions_;
  AcceptLoop loop_;
};

Server::Server(const options::ServerCommand& command, ReadCommand read_again, SignalWindow& window, Log& log)
    : options_(command.options),
      read_again_(std::move(read_again)),
      window_(window),
      log_(log),
      context_{.options = options_, .window = window_, .counters = counters_, .log = log_, .upkeep = *this},
      listening_(listen()),
      overflows_(listening_),
      sessions_(make_sessions()),
      loop_(std::move(listening_), *sessions_, context_) {}

std::vector<Listener> Server::listen() {
  auto listening = open_listeners({.addresses = options_.bind,
                                   .port = options_.port,
                                   .backlog = backlog::choose_length(options_.backlog, SOMAXCONN),
                                   .idle_timeout = options_.idle_timeout});
  if (!listening.left_out.empty()) log_.info("%s", listening.left_out.c_str());
  for (const auto& listener : listening.listeners) {
    highest_descriptor_ = std::max(highest_descriptor_, listener.fd.get());
  }
  const auto& first = listening.listeners.front();
  port_ = first.address.port();
  log_backlog(first);
  return std::move(listening.listeners);
}

void Server::log_backlog(const Listener& listener) noexcept {
  try {
    const auto backlog = backlog::choose(options_.backlog, SOMAXCONN);
    const auto kernel = backlog::kernel_limits(listener.fd.get());
    log_.info("%s", backlog::report(backlog, kernel, SOMAXCONN).c_str());
  } catch (const std::bad_alloc&) {
    log_.warning("no memory left to say what became of the backlog");
  }
}

std::unique_ptr<Sessions> Server::make_sessions() {
  if (options_.mode == Mode::iterative) return std::make_unique<IterativeSessions>(context_);
  // The loop may hold one more, which takes the lowest free number.
  return std::make_unique<ForkedSessions>(context_, choose_sandbox(), highest_descriptor_ + 1);
}

Sandbox Server::choose_sandbox() {
  if (options_.sandbox == SandboxWish::off) return Sandbox::none;
  const auto sandbox = prepare_sandbox();
  if (sandbox == Sandbox::none && options_.sandbox == SandboxWish::on) {
    throw posix::StartError(posix::ExitStatus::system,
                            "--sandbox on: this build or this system has no seccomp that a child can enter; "
                            "leave it away to go on without, or say off");
  }
  if (sandbox == Sandbox::none) {
    log_.warning(
        "children run without a sandbox: this build or this system has no seccomp that they can enter");
  }
  return sandbox;
}

// After the last that is opened or bound.
void Server::give_up_rights() noexcept {
  if (options_.sandbox == SandboxWish::off) {
    log_.info("--sandbox off: the server and its children keep all their rights");
    return;
  }
  const auto given_up = confine(!options_.config.empty());
  if (options_.sandbox == SandboxWish::on && !given_up.all()) {
    log_.warning(
        "--sandbox on: this system lets the server not give up all that it needs no more (-v tells)");
  }
  log_.detail(
      "given up for good: writing and executing files %s, binding and connecting TCP %s, "
      "signalling others %s, root's capabilities %s",
      yes_or_no(given_up.files), yes_or_no(given_up.tcp), yes_or_no(given_up.signals),
      yes_or_no(given_up.capabilities));
}

void Server::explain_lesson_mode() noexcept {
  if (options_.mode == Mode::iterative) {
    const auto idle = without_effect_in_one_process(options_);
    log_.info("--mode iterative: one client at a time, the others wait in the listen queue%s%s",
              idle.size() == 0 ? "" : "; with no children, these have no effect: ", idle.c_str());
  } else if (options_.reap == options::Reap::none) {
    log_.info(
        "--reap none: ended children stay as zombies and keep their places; after %u connections no "
        "further client is served",
        options_.max_connections);
  }
}

void Server::announce(bool output_closed) noexcept {
  if (output_closed) {
    log_.info("standard output is closed: listening on port %u", port_);
    return;
  }
  // A reader that stalls must not make the server deaf: the wait hears a request to stop.
  pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  while (window_.wait({&output, 1}, std::nullopt) < 0 && errno == EINTR) {
    if (window_.stop_requests() > 0) return;
  }
  const std::string line = "Server is listening on port " + std::to_string(port_) + "\n";
  if (!posix::write_all(STDOUT_FILENO, line)) {
    log_.warning("cannot announce port %u on standard output: %s", port_, std::strerror(errno));
  }
}

void Server::after_wait() noexcept {
  if (window_.take_status_request()) log_status();
  if (window_.take_reload_request()) reload();
  // At once, the iterative server's in the middle of a session too: the port is free for a successor.
  if (window_.stop_requests() > 0) loop_.stop_listening();
  overflows_.after_wait(posix::Clock::now(), loop_.listeners(), scene(), log_);
}

void Server::before_closing() noexcept {
  overflows_.before_closing(loop_.listeners(), scene(), log_);
}

OverflowScene Server::scene() const noexcept {
  return {.mode = options_.mode,
          .full = sessions_->full() && options_.overload == options::Overload::queue,
          .max_connections = options_.max_connections,
          .backlog = backlog::choose_length(options_.backlog, SOMAXCONN),
          .in_effect = 0,
          .largest = SOMAXCONN};
}

std::optional<posix::TimePoint> Server::due() const noexcept {
  if (loop_.listeners().empty()) return std::nullopt;
  return overflows_.due(scene().full);
}

StatusText Server::status() noexcept {
  auto text = status_text(counters_, sessions_->count(true));
  if (options_.mode == Mode::fork && options_.reap == options::Reap::handler) {
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
    const auto queue = backlog::accept_queue(listener.fd.get());
    if (!queue) continue;
    char address[posix::SocketAddress::text_size];
    BoundedText<128> piece;
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
  try {
    auto reload = compare(options_, read_again_().options);
    if (reload.max_connections) sessions_->resize(reload.options.max_connections);
    put_in_force(std::move(reload));  // nothing fails from here on
  } catch (const std::exception& error) {
    log_.warning("SIGHUP: nothing is changed: %s", error.what());
  }
}

void Server::put_in_force(Reload&& reload) noexcept {
  const int backlog = backlog::choose_length(reload.options.backlog, SOMAXCONN);
  for (const auto& listener : loop_.listeners()) {
    if (!listener.fd) continue;
    const bool done = (!reload.backlog || set_backlog(listener, backlog)) &&
                      (!reload.idle_timeout || set_idle_timeout(listener, reload.options.idle_timeout));
    char address[posix::SocketAddress::text_size];
    if (!done)
      log_.warning("cannot change the listener on %s: %s", listener.address.format(address),
                   std::strerror(errno));
  }
  options_ = std::move(reload.options);
  log_.set_verbosity(options_.verbosity);
  if (reload.changed.empty()) {
    log_.answer("SIGHUP: configuration read again, nothing to change");
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

posix::ExitStatus Server::run(bool output_closed) {
  explain_lesson_mode();
  give_up_rights();
  announce(output_closed);
  const bool stopped_on_request = loop_.run();
  sessions_->drain();
  log_.info("stopped: %s", status().c_str());
  return stopped_on_request ? posix::ExitStatus::ok : posix::ExitStatus::system;
}

}  // namespace

posix::ExitStatus run_server(const options::ServerCommand& command, ReadCommand read_again) {
  const bool output_closed = ::fcntl(STDOUT_FILENO, F_GETFD) < 0;
  if (!posix::fill_standard_descriptors()) throw posix::system_error("open /dev/null");
  // Before the first line of the log, whose reader may be gone (SIGPIPE), and before anything is opened: a
  // request to stop that comes in the middle of the start is heard at the first wait.
  SignalWindow window;
  Log log;
  log.set_verbosity(command.options.verbosity);
  for (const auto& warning : command.warnings) log.warning("%s", warning.c_str());
  Server server(command, std::move(read_again), window, log);
  return server.run(output_closed);
}

}  // namespace tcpserver::server
