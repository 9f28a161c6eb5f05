#include "tcpserver/posix/memory_linux.hpp"
#include "tcpserver/posix/process.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/server/signal_window.hpp"
#include "tcpserver/server/small_child.hpp"
#include "tcpserver/server/small_child_code_linux.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>
#include <vector>

namespace tcpserver::server {

namespace {

constexpr const char* trial_failed = "the trial child failed";

posix::MemoryRange linked_code() noexcept {
  return {.begin = __start_small_child,
          .size = static_cast<std::size_t>(__stop_small_child - __start_small_child)};
}

}  // namespace

// What children have, close together: a page of page tables less for each.
struct SmallChildren::Memory {
  posix::Neighbourhood place;
  posix::MemoryRange code = linked_code();
  void* command_line_hint;
  // Never touched here: each child's first touch gives it a page of its own.
  posix::Mapping work;
  std::optional<posix::SharedCommandLine> command_line;  // once hidden
  bool by_clone3 = true;

  Memory()
      : command_line_hint(nullptr),
        work(posix::Mapping::Kind::own, sizeof(SmallChildMemory), place.next(sizeof(SmallChildMemory))) {
    if (const void* const again = posix::map_code_again(code, place.next(code.size))) code.begin = again;
    command_line_hint = place.next(posix::SharedCommandLine::usual_size);
  }

  long start(SmallChildOrder order, SessionRecord* record) noexcept {
    clone_args arguments{};
    arguments.flags = CLONE_CLEAR_SIGHAND;  // clone3 alone has it (Linux 5.5)
    arguments.exit_signal = SIGCHLD;
    order.has_handlers = !by_clone3;
    const auto offset = reinterpret_cast<const char*>(&start_small_child) - __start_small_child;
    const auto start_here = reinterpret_cast<decltype(&start_small_child)>(
        reinterpret_cast<std::uintptr_t>(code.begin) + static_cast<std::uintptr_t>(offset));
    return start_here(by_clone3 ? &arguments : nullptr, order, record,
                      static_cast<SmallChildMemory*>(work.data()));
  }

  enum class Trial { lives, dies, not_made };

  // Filters that look at the flags of clone refuse clone3, whose flags they cannot see (docker's, systemd's
  // RestrictNamespaces=).
  Trial try_one() {
    const long pid = start({}, nullptr);
    if (pid < 0) return Trial::not_made;
    int status = 0;
    while (::waitpid(static_cast<pid_t>(pid), &status, 0) < 0) {
      if (errno != EINTR) throw posix::system_error("wait for a child");
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Trial::lives : Trial::dies;
  }
};

SmallChildren::SmallChildren() : memory_(std::make_unique<Memory>()) {
  if (memory_->try_one() == Memory::Trial::lives) return;
  memory_->by_clone3 = false;
  if (memory_->try_one() != Memory::Trial::lives) memory_.reset();
}

SmallChildren::~SmallChildren() = default;

posix::Neighbourhood SmallChildren::place() const noexcept {
  return memory_ ? memory_->place : posix::Neighbourhood{};
}

const char* SmallChildren::hide_the_rest(const Scoreboard& scoreboard) {
  if (!memory_) return trial_failed;
  const bool first = !memory_->command_line;
  if (first) memory_->command_line.emplace(memory_->command_line_hint);
  std::vector<posix::MemoryRange> kept{memory_->code,
                                       {.begin = memory_->work.data(), .size = memory_->work.size()},
                                       memory_->command_line->range()};
  scoreboard.for_each_segment([&](void* begin, std::size_t size) { kept.push_back({begin, size}); });
  const char* const why_not = posix::hide_all_from_children_but(kept);
  // Something may be needed that nobody thought of, by a later kernel or libc.
  if (!first || memory_->try_one() != Memory::Trial::dies) return why_not;
  posix::show_all_to_children();
  memory_.reset();
  return trial_failed;
}

pid_t SmallChildren::start(const ChildTask& task, SessionRecord& record) const noexcept {
  std::optional<SignalWindow::SigtermHeld> held;
  if (!memory_->by_clone3) held.emplace();
  const long pid = memory_->start({.connection = task.connection,
                                   .highest_descriptor = task.highest_descriptor,
                                   .parent = task.parent,
                                   .service = task.service,
                                   .sandbox = task.sandbox,
                                   .has_handlers = false,
                                   .recording = task.recording},
                                  &record);
  if (pid >= 0) return static_cast<pid_t>(pid);
  errno = static_cast<int>(-pid);
  return -1;
}

}  // namespace tcpserver::server
