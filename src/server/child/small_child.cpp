#include "server/child/small_child.hpp"

#include "tcpserver/base/process.hpp"
#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/base/system_error.hpp"

#include "server/child/inherited_memory.hpp"
#include "server/child/small_child_code.hpp"

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

MemoryRange linked_code() noexcept {
  return {.begin = __start_small_child,
          .size = static_cast<std::size_t>(__stop_small_child - __start_small_child)};
}

}  // namespace

// What children have, close together: a page of page tables less for each.
struct SmallChildren::Memory {
  Neighbourhood place;
  MemoryRange code = linked_code();
  void* command_line_hint;
  // Never touched here: each child's first touch gives it a page of its own.
  base::Mapping work;
  std::optional<SharedCommandLine> command_line;  // once hidden

  Memory()
      : command_line_hint(nullptr),
        work(base::Mapping::Kind::own, sizeof(SmallChildMemory), place.next(sizeof(SmallChildMemory))) {
    if (const void* const again = map_code_again(code, place.next(code.size))) code.begin = again;
    command_line_hint = place.next(SharedCommandLine::usual_size);
  }

  long start(SmallChildOrder order, SessionRecord* record) noexcept {
    const auto offset = reinterpret_cast<const char*>(&start_small_child) - __start_small_child;
    const auto start_here = reinterpret_cast<decltype(&start_small_child)>(
        reinterpret_cast<std::uintptr_t>(code.begin) + static_cast<std::uintptr_t>(offset));
    return start_here(order, record, static_cast<SmallChildMemory*>(work.data()));
  }

  enum class Trial { lives, dies, not_made };

  Trial try_one() {
    const long pid = start({}, nullptr);
    if (pid < 0) return Trial::not_made;
    int status = 0;
    while (::waitpid(static_cast<pid_t>(pid), &status, 0) < 0) {
      if (errno != EINTR) throw base::system_error("wait for a child");
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Trial::lives : Trial::dies;
  }
};

SmallChildren::SmallChildren() : memory_(std::make_unique<Memory>()) {
  if (memory_->try_one() == Memory::Trial::lives) return;
  memory_.reset();
}

SmallChildren::~SmallChildren() = default;

Neighbourhood SmallChildren::place() const noexcept {
  return memory_ ? memory_->place : Neighbourhood{};
}

const char* SmallChildren::hide_the_rest(const Scoreboard& scoreboard) {
  if (!memory_) return trial_failed;
  const bool first = !memory_->command_line;
  if (first) memory_->command_line.emplace(memory_->command_line_hint);
  std::vector<MemoryRange> kept{memory_->code,
                                {.begin = memory_->work.data(), .size = memory_->work.size()},
                                memory_->command_line->range()};
  scoreboard.for_each_segment([&](void* begin, std::size_t size) { kept.push_back({begin, size}); });
  const char* const why_not = hide_all_from_children_but(kept);
  // Something may be needed that nobody thought of, by a later kernel or libc.
  if (!first || memory_->try_one() != Memory::Trial::dies) return why_not;
  show_all_to_children();
  memory_.reset();
  return trial_failed;
}

pid_t SmallChildren::start(const ChildTask& task, SessionRecord& record) const noexcept {
  const long pid = memory_->start({.connection = task.connection,
                                   .highest_descriptor = task.highest_descriptor,
                                   .parent = task.parent,
                                   .service = task.service,
                                   .sandbox = task.sandbox,
                                   .recording = task.recording},
                                  &record);
  if (pid >= 0) return static_cast<pid_t>(pid);
  errno = static_cast<int>(-pid);
  return -1;
}

}  // namespace tcpserver::server
