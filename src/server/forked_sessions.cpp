#include "tcpserver/server/forked_sessions.hpp"

#include "tcpserver/posix/process.hpp"
#include "tcpserver/posix/signals.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/server/child.hpp"

#include <sys/wait.h>

#include <cerrno>
#include <cstring>

namespace tcpserver::server {

namespace {

// How long killed children may take to be gone: SIGKILL needs no cooperation, only a processor.
constexpr auto time_to_die = std::chrono::seconds(5);

SessionEnd end_of(int wait_status) noexcept {
  if (!WIFEXITED(wait_status)) return SessionEnd::killed;
  const int status = WEXITSTATUS(wait_status);
  const bool known = status < static_cast<int>(SessionEnd::drained);
  return known ? static_cast<SessionEnd>(status) : SessionEnd::broken;
}

}  // namespace

ForkedSessions::ForkedSessions(const options::ServerOptions& options, Sandbox sandbox, SignalWindow& window,
                               Counters& counters, Log& log)
    : options_(options),
      sandbox_(sandbox),
      window_(window),
      counters_(counters),
      log_(log),
      children_(options.max_connections),
      scoreboard_(options.max_connections) {
  if (options_.reap == options::Reap::handler) window_.start_reaping(&children_);
}

void ForkedSessions::start(posix::UniqueFd connection, const posix::SocketAddress& peer) noexcept {
  const auto slot = children_.take();
  scoreboard_[slot].reset();
  const pid_t pid = posix::fork_child();
  if (pid == 0) run_child(connection.get(), options_.service, sandbox_, scoreboard_[slot]);
  if (pid < 0) {
    const int error = errno;
    children_.give_back(slot);
    ++counters_.fork_failures;
    log_.limited_line(fork_failures_, "cannot fork: %s; this client was closed, the next one is tried anew",
                      std::strerror(error));
    return;
  }
  children_.started(slot, pid, peer, posix::Clock::now());
}

void ForkedSessions::settle() noexcept {
  while (const auto slot = children_.next_ended()) settle(*slot);
}

void ForkedSessions::settle(ChildTable::Slot slot) noexcept {
  const Child& child = children_[slot];
  auto end = end_of(child.wait_status);
  char peer[posix::SocketAddress::text_size];
  if (killing_ && end == SessionEnd::killed) {
    end = SessionEnd::drained;
  } else if (end == SessionEnd::killed) {
    const int signal = WTERMSIG(child.wait_status);
    log_.limited_line(odd_ends_, "the session of %s (pid %d) was killed by %s", child.peer.format(peer),
                      static_cast<int>(child.pid), posix::signal_name(signal));
  } else if (end == SessionEnd::sandbox_refused || end == SessionEnd::broken) {
    log_.limited_line(odd_ends_, "the session of %s (pid %d) ended: %s", child.peer.format(peer),
                      static_cast<int>(child.pid), text_of(end));
  }
  counters_.count_end(end, scoreboard_[slot]);
  children_.give_back(slot);
}

void ForkedSessions::drain(posix::TimePoint deadline) noexcept {
  // Who left zombies for a lesson wants none when the lesson is over.
  if (options_.reap == options::Reap::none) window_.start_reaping(&children_);
  settle();
  wait_for_children(deadline, 2);
  if (open() == 0) return;

  log_.line("ending %u open sessions", open());
  killing_ = true;
  children_.for_each_running([](const Child& child) { ::kill(child.pid, SIGKILL); });
  wait_for_children(posix::Clock::now() + time_to_die, 0);
}

// Until none is left, the deadline is over, or so many requests to stop have come (0: whatever comes).
void ForkedSessions::wait_for_children(posix::TimePoint deadline, int stop_requests) noexcept {
  while (open() > 0 && posix::Clock::now() < deadline) {
    if (stop_requests != 0 && window_.stop_requests() >= stop_requests) return;
    static_cast<void>(window_.wait({}, posix::time_left(deadline)));
    settle();
  }
}

}  // namespace tcpserver::server
