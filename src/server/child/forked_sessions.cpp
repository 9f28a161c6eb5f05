#include "tcpserver/server/child/forked_sessions.hpp"

#include "tcpserver/base/process.hpp"

#include "server/child/launcher.hpp"
#include "server/child/memory_guard.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

namespace tcpserver::server {

namespace {

SessionEnd decode_wait_status(int wait_status) noexcept {
  if (!WIFEXITED(wait_status)) {
    return WTERMSIG(wait_status) == SIGSYS ? SessionEnd::seccomp : SessionEnd::killed;
  }
  const int status = WEXITSTATUS(wait_status);
  const bool known = status < static_cast<int>(SessionEnd::drained);
  return known ? static_cast<SessionEnd>(status) : SessionEnd::broken;
}

}  // namespace

ForkedSessions::ForkedSessions(const ServerOptions& options, Sandbox sandbox, base::SignalWindow& window,
                               SessionReporter& reporter, Counters& counters, Log& log)
    : options_(options),
      sandbox_(sandbox),
      window_(window),
      reporter_(reporter),
      counters_(counters),
      log_(log),
      own_pid_(::getpid()),
      memory_guard_(std::make_unique<MemoryGuard>(log)),
      launcher_(make_launcher()),
      slots_(options.max_connections),
      scoreboard_(options.max_connections, launcher_->place()) {
  if (options.reap == Reap::handler) start_reaping();
}

ForkedSessions::~ForkedSessions() {
  if (reaping_) window_.start_reaping(base::collector_of_strangers());
}

void ForkedSessions::start_reaping() noexcept {
  reaping_ = true;
  window_.start_reaping(reaper_);
}

OpenSessions ForkedSessions::count(bool with_bytes) const noexcept {
  OpenSessions sessions{.open = slots_.in_use(), .most = slots_.capacity(), .reaped = reaping_, .bytes = {}};
  if (with_bytes) {
    slots_.for_each_running([&](SlotTable::Slot slot) { sessions.bytes.add(scoreboard_[slot].claims()); });
  }
  return sessions;
}

std::uint32_t ForkedSessions::count(const Host& host) const noexcept {
  return slots_.count(host);
}

void ForkedSessions::resize(std::uint32_t max_connections) {
  scoreboard_.reserve(max_connections);
  slots_.resize(max_connections);
}

void ForkedSessions::prepare() noexcept {
  // One more, because the accept loop may open a spare descriptor, which gets the lowest free number.
  highest_descriptor_ = base::highest_open_descriptor() + 1;
  const char* problem = nullptr;
  try {
    const auto preparation = launcher_->prepare(scoreboard_);
    problem = preparation.problem;
    if (!preparation.works) launcher_ = make_plain_launcher(problem);
    if (reaping_) start_reaping();  // forgets the signal of the trial child
  } catch (const std::exception&) {
    problem = "out of memory";
  }
  if (problem != nullptr && !std::exchange(inheritance_is_logged_, true))
    log_.warning("children inherit the server's memory: %s", problem);
}

bool ForkedSessions::start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept {
  auto facts = reporter_.describe(connection.get(), peer);
  const auto slot = slots_.take();
  auto& record = scoreboard_.clean(slot);
  const auto file = reporter_.open_recording(facts);
  memory_guard_->before_fork();
  const pid_t pid = launcher_->launch({.connection = connection.get(),
                                       .highest_descriptor = highest_descriptor_,
                                       .parent = own_pid_,
                                       .verb = options_.service.verb,
                                       .sandbox = sandbox_,
                                       .recording = reporter_.recording_in(file)},
                                      record);
  const int error = errno;
  memory_guard_->after_fork();
  if (pid < 0) {
    slots_.give_back(slot);
    counters_.refuse(std::move(connection), Refusal::fork_failed);
    log_.limited_warning(fork_failures_, "cannot fork: %s; this client was reset", std::strerror(error));
    return false;
  }
  slots_.enter(slot, pid, facts);
  reporter_.begin(facts, pid);
  return true;
}

bool ForkedSessions::is_short_of_memory() noexcept {
  return memory_guard_->is_short();
}

bool ForkedSessions::collect_finished() noexcept {
  bool any = false;
  while (const auto slot = slots_.next_ended()) {
    finish(*slot);
    any = true;
  }
  return any;
}

void ForkedSessions::finish(SlotTable::Slot slot) noexcept {
  const auto& child = slots_[slot];
  auto end = decode_wait_status(child.wait_status);
  int signal = WIFSIGNALED(child.wait_status) ? WTERMSIG(child.wait_status) : 0;
  if (signal == SIGKILL && killing_) {
    end = SessionEnd::drained;
    signal = 0;
  }
  reporter_.end(child.facts, child.pid, end, signal, scoreboard_[slot].claims());
  slots_.give_back(slot);
}

void ForkedSessions::reap_now() noexcept {
  window_.deliver_pending_signals();
  static_cast<void>(collect_finished());
}

void ForkedSessions::begin_drain() noexcept {
  if (!reaping_) start_reaping();
}

void ForkedSessions::kill_all() noexcept {
  killing_ = true;
  slots_.for_each_running([this](SlotTable::Slot slot) { ::kill(slots_[slot].pid, SIGKILL); });
}

}  // namespace tcpserver::server
