#include "tcpserver/server/child/forked_sessions.hpp"

#include "tcpserver/base/process.hpp"
#include "tcpserver/base/signals.hpp"

#include "server/child/child.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

namespace tcpserver::server {

namespace {

// How long killed children may take to be gone: SIGKILL needs no cooperation, only a processor.
constexpr auto time_to_die = std::chrono::seconds(5);

SessionEnd end_of(int wait_status) noexcept {
  if (!WIFEXITED(wait_status)) {
    return WTERMSIG(wait_status) == SIGSYS ? SessionEnd::seccomp : SessionEnd::killed;
  }
  const int status = WEXITSTATUS(wait_status);
  const bool known = status < static_cast<int>(SessionEnd::drained);
  return known ? static_cast<SessionEnd>(status) : SessionEnd::broken;
}

}  // namespace

ForkedSessions::ForkedSessions(Context context, Sandbox sandbox)
    : context_(std::move(context)),
      sandbox_(sandbox),
      own_pid_(::getpid()),
      memory_guard_(context_.log),
      hosts_(context_.options.max_connections),
      children_(context_.options.max_connections),
      scoreboard_(context_.options.max_connections, small_children_.place()) {
  if (context_.options.reap == Reap::handler) start_reaping();
}

void ForkedSessions::start_reaping() noexcept {
  reaping_ = true;
  context_.window.start_reaping(reaper_);
}

OpenSessions ForkedSessions::count(bool with_bytes) const noexcept {
  OpenSessions sessions{
      .open = children_.in_use(), .most = children_.capacity(), .reaped = reaping_, .bytes = {}};
  if (with_bytes) {
    children_.for_each_running(
        [&](ChildTable::Slot slot) { sessions.bytes.add(scoreboard_[slot].claims()); });
  }
  return sessions;
}

void ForkedSessions::resize(std::uint32_t max_connections) {
  hosts_.reserve(max_connections);
  scoreboard_.reserve(max_connections);
  children_.resize(max_connections);
}

void ForkedSessions::get_ready() noexcept {
  // One more, for the loop may take a reserve, which has the lowest free number.
  highest_descriptor_ = base::highest_open_descriptor() + 1;
  try {
    const char* const why_not = small_children_.hide_the_rest(scoreboard_);
    if (why_not != nullptr && !std::exchange(inheritance_is_logged_, true))
      context_.log.warning("children inherit the server's memory: %s", why_not);
    if (reaping_) start_reaping();  // forgets the signal of the child that tried
  } catch (const std::exception&) {
    // No memory for a list of the mappings.
    context_.log.warning("children inherit the server's memory: out of memory");
  }
}

bool ForkedSessions::has_room_for(const Host& host) const noexcept {
  const auto most = context_.options.max_per_host;
  return most == 0 || hosts_.sessions_of(host) < most;
}

bool ForkedSessions::start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept {
  const auto host = Host::of(peer);
  if (!has_room_for(host)) catch_up();
  if (!has_room_for(host)) {
    char text[base::SocketAddress::text_size];
    context_.log.limited_warning(
        host_refusals_, "%s is refused: its %s has as many %s as --max-per-host allows, %u",
        peer.format(text), host.is_ipv4 ? "address" : "/64",
        reaping_ ? "sessions open" : "places, taken by zombies too", context_.options.max_per_host);
    context_.counters.refuse(std::move(connection), Refusal::host_full);
    return true;
  }
  auto facts = facts_of(connection.get(), peer, context_.log);
  const auto slot = children_.take();
  auto& record = scoreboard_.clean(slot);
  base::UniqueFd file;
  if (context_.recorder != nullptr) file = context_.recorder->begin(peer);
  facts.recorded = static_cast<bool>(file);
  memory_guard_.before_fork();
  const pid_t pid = fork_for(connection.get(), record, file.get());
  const int error = errno;
  memory_guard_.after_fork();
  if (pid < 0) {
    children_.give_back(slot);
    context_.counters.refuse(std::move(connection), Refusal::fork_failed);
    context_.log.limited_warning(fork_failures_, "cannot fork: %s; this client was reset",
                                 std::strerror(error));
    return false;
  }
  children_.started(slot, pid, facts, hosts_.enter(host));
  say_session_open(context_.log, facts, pid);
  return true;
}

pid_t ForkedSessions::fork_for(int connection, SessionRecord& record, int file) noexcept {
  const ChildTask task{.parent = own_pid_,
                       .connection = connection,
                       .highest_descriptor = highest_descriptor_,
                       .service = context_.options.service,
                       .sandbox = sandbox_,
                       .recording = file < 0 ? RecordingFile{} : context_.recorder->recording_in(file)};
  if (small_children_.available()) return small_children_.start(task, record);
  const pid_t pid = base::fork_child();
  if (pid == 0) run_child(task, record);
  return pid;
}

bool ForkedSessions::is_short_of_memory() noexcept {
  return memory_guard_.is_short();
}

bool ForkedSessions::settle() noexcept {
  bool any = false;
  while (const auto slot = children_.next_ended()) {
    settle(*slot);
    any = true;
  }
  return any;
}

void ForkedSessions::settle(ChildTable::Slot slot) noexcept {
  const Child& child = children_[slot];
  const auto claims = scoreboard_[slot].claims();
  SessionOutcome outcome{.end = end_of(child.wait_status),
                         .signal = WIFSIGNALED(child.wait_status) ? WTERMSIG(child.wait_status) : 0,
                         .error = 0,
                         .bytes = {},
                         .duration = base::Clock::now() - child.facts.started,
                         .recorded = std::nullopt};
  if (outcome.signal == SIGKILL && killing_) {
    outcome.end = SessionEnd::drained;
    outcome.signal = 0;
  }
  if (outcome.end == SessionEnd::broken) outcome.error = claims.error;
  outcome.bytes.add(claims);
  if (child.facts.recorded) context_.recorder->end(child.facts.peer, claims, outcome);
  warn_of_odd_end(child, outcome);
  context_.counters.count_end(outcome.end, outcome.bytes, outcome.duration);
  say_session_end(context_.log, child.facts, child.pid, outcome);
  hosts_.leave(child.host);
  children_.give_back(slot);
}

void ForkedSessions::warn_of_odd_end(const Child& child, const SessionOutcome& outcome) noexcept {
  char peer[base::SocketAddress::text_size];
  child.facts.peer.format(peer);
  const int pid = child.pid;
  if (outcome.end == SessionEnd::killed) {
    context_.log.limited_warning(odd_ends_, "the session of %s (pid %d) was killed by %s", peer, pid,
                                 base::signal_name(outcome.signal));
  } else if (outcome.end == SessionEnd::seccomp) {
    context_.log.limited_warning(odd_ends_,
                                 "the session of %s (pid %d) was killed by its sandbox (SIGSYS): it made a "
                                 "system call that no session needs",
                                 peer, pid);
  } else if (outcome.end == SessionEnd::broken) {
    context_.log.limited_warning(odd_ends_, "the session of %s (pid %d) broke: %s", peer, pid,
                                 std::strerror(outcome.error));
  } else if (outcome.end == SessionEnd::sandbox_refused) {
    context_.log.limited_warning(
        odd_ends_, "the child for %s (pid %d) could not enter its sandbox and served nobody", peer, pid);
  }
}

void ForkedSessions::catch_up() noexcept {
  context_.window.deliver_pending_signals();
  static_cast<void>(settle());
}

void ForkedSessions::drain() noexcept {
  // Who left zombies for a lesson wants none when the lesson is over.
  if (!reaping_) start_reaping();
  static_cast<void>(settle());
  if (children_.in_use() == 0) return;

  // Where the listeners were lost, nobody has asked for a stop yet, and the first request is one too many.
  const int enough = context_.window.stop_requests() == 0 ? 1 : 2;
  if (context_.window.stop_requests() < enough) say_draining(context_, children_.in_use());
  wait_for_children(base::Clock::now() + context_.options.drain_timeout, enough);
  if (children_.in_use() == 0) return;

  context_.log.info("ending %u open %s", children_.in_use(),
                    children_.in_use() == 1 ? "session" : "sessions");
  killing_ = true;
  children_.for_each_running([this](ChildTable::Slot slot) { ::kill(children_[slot].pid, SIGKILL); });
  wait_for_children(base::Clock::now() + time_to_die, 0);
}

// Until none is left, the deadline is over, or so many requests to stop have come (0: whatever comes).
void ForkedSessions::wait_for_children(base::TimePoint deadline, int stop_requests) noexcept {
  while (children_.in_use() > 0 && base::Clock::now() < deadline) {
    if (stop_requests != 0 && context_.window.stop_requests() >= stop_requests) return;
    static_cast<void>(context_.window.wait({}, base::time_left(earlier(deadline, context_.upkeep.due()))));
    static_cast<void>(settle());
    context_.upkeep.after_wait();
  }
}

}  // namespace tcpserver::server
