#include "tcpserver/server/server.hpp"

#include "tcpserver/backlog/backlog.hpp"
#include "tcpserver/posix/io.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/server/accept_loop.hpp"
#include "tcpserver/server/forked_sessions.hpp"
#include "tcpserver/server/iterative_sessions.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace tcpserver::server {

namespace {

using options::Mode;
using options::ServerOptions;

// One running daemon. Members stand in the order in which they are made.
class Server {
 public:
  Server(const ServerOptions& options, SignalWindow& window, Log& log);
  // `output_closed`: whoever started it closed standard output, and /dev/null has its place.
  posix::ExitStatus run(bool output_closed);

 private:
  std::vector<Listener> listen();
  std::unique_ptr<Sessions> make_sessions();
  void explain_lesson_mode() noexcept;
  void announce(bool output_closed) noexcept;
  void answer_signals() noexcept;

  const ServerOptions& options_;
  SignalWindow& window_;
  Log& log_;
  Counters counters_;
  std::uint16_t port_ = 0;
  int highest_descriptor_ = 0;
  std::vector<Listener> listeners_;
  std::unique_ptr<Sessions> sessions_;
  AcceptLoop loop_;
};

Server::Server(const ServerOptions& options, SignalWindow& window, Log& log)
    : options_(options),
      window_(window),
      log_(log),
      listeners_(listen()),
      sessions_(make_sessions()),
      loop_(std::move(listeners_), *sessions_, window_, counters_, log_, [this] { answer_signals(); }) {}

std::vector<Listener> Server::listen() {
  const auto backlog = backlog::choose(options_.backlog, SOMAXCONN);
  auto listening = open_listeners({.addresses = options_.bind,
                                   .port = options_.port,
                                   .backlog = backlog.length,
                                   .idle_timeout = options_.idle_timeout});
  if (!listening.left_out.empty()) log_.line("%s", listening.left_out.c_str());
  for (const auto& listener : listening.listeners) {
    highest_descriptor_ = std::max(highest_descriptor_, listener.fd.get());
  }
  const auto& first = listening.listeners.front();
  port_ = first.address.port();
  log_.line("%s", backlog::report(backlog, backlog::kernel_limits(first.fd.get()), SOMAXCONN).c_str());
  return std::move(listening.listeners);
}

std::unique_ptr<Sessions> Server::make_sessions() {
  SessionContext context{
      .options = options_, .window = window_, .counters = counters_, .log = log_, .answer_signals = [this] {
        answer_signals();
      }};
  if (options_.mode == Mode::iterative) return std::make_unique<IterativeSessions>(std::move(context));

  const auto sandbox = prepare_sandbox();
  if (sandbox == Sandbox::none) {
    log_.line("children run without a sandbox: this build or this system has no seccomp that they can enter");
  }
  return std::make_unique<ForkedSessions>(std::move(context), sandbox, highest_descriptor_);
}

void Server::explain_lesson_mode() noexcept {
  const ServerOptions defaults;
  if (options_.mode == Mode::iterative) {
    const bool asked = options_.reap != defaults.reap || options_.max_connections != defaults.max_connections;
    log_.line("--mode iterative: one client at a time, the others wait in the listen queue%s",
              asked ? "; with no children, --reap and --max-connections have no effect" : "");
  } else if (options_.reap == options::Reap::none) {
    log_.line(
        "--reap none: ended children stay as zombies and keep their places; after %u connections no "
        "further client is served",
        options_.max_connections);
  }
}

void Server::announce(bool output_closed) noexcept {
  if (output_closed) {
    log_.line("standard output is closed: listening on port %u", port_);
    return;
  }
  // A reader that stalls must not make the server deaf: the wait hears a request to stop.
  pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  while (window_.wait({&output, 1}, std::nullopt) < 0 && errno == EINTR) {
    if (window_.stop_requests() > 0) return;
  }
  const std::string line = "Server is listening on port " + std::to_string(port_) + "\n";
  if (!posix::write_all(STDOUT_FILENO, line)) {
    log_.line("cannot announce port %u on standard output: %s", port_, std::strerror(errno));
  }
}

void Server::answer_signals() noexcept {
  if (window_.take_status_request()) {
    log_.line("%s", status_text(counters_, sessions_->count(true)).c_str());
  }
  if (window_.take_reload_request()) log_.line("SIGHUP: there is no configuration file to read again");
  // At once, the iterative server's in the middle of a session too: the port is free for a successor.
  if (window_.stop_requests() > 0) loop_.stop_listening();
}

posix::ExitStatus Server::run(bool output_closed) {
  explain_lesson_mode();
  announce(output_closed);
  const bool stopped_on_request = loop_.run();
  sessions_->drain();
  log_.line("stopped: %s", status_text(counters_, sessions_->count(true)).c_str());
  return stopped_on_request ? posix::ExitStatus::ok : posix::ExitStatus::system;
}

}  // namespace

posix::ExitStatus run_server(const options::ServerCommand& command) {
  const bool output_closed = ::fcntl(STDOUT_FILENO, F_GETFD) < 0;
  if (!posix::fill_standard_descriptors()) throw posix::system_error("open /dev/null");
  // Before the first line of the log, whose reader may be gone (SIGPIPE), and before anything is opened: a
  // request to stop that comes in the middle of the start is heard at the first wait.
  SignalWindow window;
  Log log;
  for (const auto& warning : command.warnings) log.line("%s", warning.c_str());
  Server server(command.options, window, log);
  return server.run(output_closed);
}

}  // namespace tcpserver::server
