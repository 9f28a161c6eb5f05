#include "tcpserver/server/server.hpp"

#include "tcpserver/backlog/backlog.hpp"
#include "tcpserver/backlog/kernel_limits.hpp"
#include "tcpserver/options/values.hpp"
#include "tcpserver/posix/io.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/server/accept_loop.hpp"
#include "tcpserver/server/forked_sessions.hpp"
#include "tcpserver/server/iterative_sessions.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace tcpserver::server {

namespace {

using options::ServerOptions;

// One running daemon. Members stand in the order in which they are made.
class Server {
 public:
  Server(const ServerOptions& options, Log& log);
  posix::ExitStatus run();

 private:
  std::unique_ptr<Sessions> make_sessions();
  Listening listen();
  void say_what_is_special() noexcept;
  void announce() noexcept;
  void answer_requests() noexcept;
  void stop_listening() noexcept;

  const ServerOptions& options_;
  Log& log_;
  SignalWindow window_;
  Counters counters_;
  Sandbox sandbox_;
  std::unique_ptr<Sessions> sessions_;
  Listening listening_;
  std::uint16_t port_;
  AcceptLoop loop_;
  bool stopped_listening_ = false;
};

Server::Server(const ServerOptions& options, Log& log)
    : options_(options),
      log_(log),
      sandbox_(prepare_sandbox()),
      sessions_(make_sessions()),
      listening_(listen()),
      port_(listening_.listeners.front().address.port()),
      loop_(std::move(listening_.listeners), *sessions_, window_, counters_, log_,
            [this] { answer_requests(); }) {}

std::unique_ptr<Sessions> Server::make_sessions() {
  if (options_.mode == options::Mode::fork) {
    return std::make_unique<ForkedSessions>(options_, sandbox_, window_, counters_, log_);
  }
  return std::make_unique<IterativeSessions>(options_, window_, counters_, [this] { answer_requests(); });
}

Listening Server::listen() {
  const auto backlog = backlog::choose(options_.backlog, SOMAXCONN);
  auto listening = open_listeners({.addresses = options_.bind,
                                   .port = options_.port,
                                   .backlog = backlog.length,
                                   .idle_timeout = options_.idle_timeout});
  if (!listening.left_out.empty()) log_.line("%s", listening.left_out.c_str());
  const auto kernel = backlog::kernel_limits(listening.listeners.front().fd.get());
  log_.line("%s", backlog::report(backlog, kernel, SOMAXCONN).c_str());
  return listening;
}

void Server::say_what_is_special() noexcept {
  if (options_.mode == options::Mode::iterative) {
    log_.line("--mode iterative: one client at a time, the others wait in the listen queue");
    return;
  }
  if (sandbox_ == Sandbox::none) log_.line("this system has no seccomp: children run without a sandbox");
  if (options_.reap == options::Reap::none) {
    log_.line(
        "--reap none: ended children stay as zombies and keep their places; after %u connections no "
        "further client is served",
        sessions_->most());
  }
}

void Server::announce() noexcept {
  const std::string line = "Server is listening on port " + std::to_string(port_) + "\n";
  if (!posix::write_all(STDOUT_FILENO, line)) {
    log_.line("cannot announce port %u on standard output: %s", port_, std::strerror(errno));
  }
}

void Server::answer_requests() noexcept {
  if (window_.take_status_request()) {
    log_.line("%s", status_text(counters_, sessions_->open(), sessions_->most()).c_str());
  }
  if (window_.take_reload_request()) log_.line("SIGHUP: there is no configuration file to read again");
  if (window_.stop_requests() > 0) stop_listening();
}

// At once, the iterative server's in the middle of a session too: the port is free for a successor.
void Server::stop_listening() noexcept {
  if (stopped_listening_) return;
  stopped_listening_ = true;
  loop_.stop_listening();
  const auto open = sessions_->open();
  if (open == 0) return;
  log_.line("stopping: %u open sessions may finish within %s; a second signal ends them at once", open,
            options::duration_text(options_.drain_timeout).c_str());
}

posix::ExitStatus Server::run() {
  say_what_is_special();
  announce();
  const bool stopped_on_request = loop_.run();
  stop_listening();
  sessions_->drain(posix::Clock::now() + options_.drain_timeout);
  log_.line("stopped: %s", status_text(counters_, sessions_->open(), sessions_->most()).c_str());
  return stopped_on_request ? posix::ExitStatus::ok : posix::ExitStatus::system;
}

}  // namespace

posix::ExitStatus run_server(const options::ServerCommand& command) {
  if (!posix::fill_standard_descriptors()) throw posix::system_error("open /dev/null");
  Log log;
  for (const auto& warning : command.warnings) log.line("%s", warning.c_str());
  Server server(command.options, log);
  return server.run();
}

}  // namespace tcpserver::server
