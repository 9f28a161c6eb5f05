#include "tcpserver/base/mapping.hpp"
#include "tcpserver/base/system_error.hpp"

#include "server/child/inherited_memory.hpp"
#include "server/child/launcher.hpp"
#include "server/child/small_child_code.hpp"

#include <sys/wait.h>

#include <cerrno>
#include <optional>
#include <vector>

namespace tcpserver::server {

namespace {

constexpr const char* trial_failed = "the trial child failed";

// Children with almost no memory of their parent. A fork copies the page tables of what the parent has
// touched, and both sides pay again when they write. A session needs only a page of code, a stack, a buffer
// and its record, so all other memory is hidden from children (MADV_DONTFORK): the heap, the stack, libc with
// its data, the rest of the program. Such a child starts with empty page tables, touches three pages, and
// leaves the parent no page to copy. An attacker who controls it finds no other client's address and no code
// but the session's.
//
// The code is in small_child_code.cpp.
class SmallLauncher final : public Launcher {
 public:
  // Throws StartError if memory is not available.
  SmallLauncher();

  enum class Trial { lives, dies, no_fork };
  [[nodiscard]] Trial try_one() const;

  [[nodiscard]] pid_t launch(const ChildOrder& order, SessionRecord& record) noexcept override;
  [[nodiscard]] AddressHints place() const noexcept override { return place_; }

  // Hides all memory but what these children and the scoreboard need. Plain children cannot live after that,
  // unless the result says that small ones do not work.
  [[nodiscard]] Preparation prepare(const Scoreboard& scoreboard) override;

 private:
  [[nodiscard]] long start(const ChildOrder& order, SessionRecord* record) const noexcept;

  // What children have is close together: that saves a page of page tables for each.
  AddressHints place_;
  base::Mapping work_;  // never touched here: each child's first touch gives it a page of its own
  MemoryRange code_;
  void* command_line_hint_;
  std::optional<SharedCommandLine> command_line_;  // empty until the first prepare()
  bool tried_ = false;                             // with all other memory hidden
};

MemoryRange linked_code() noexcept {
  return {.begin = __start_small_child,
          .size = static_cast<std::size_t>(__stop_small_child - __start_small_child)};
}

SmallLauncher::SmallLauncher()
    : work_(base::Mapping::Kind::own, sizeof(SmallChildMemory), place_.next(sizeof(SmallChildMemory))),
      code_(linked_code()) {
  if (const void* const copy = map_code_again(code_, place_.next(code_.size))) code_.begin = copy;
  command_line_hint_ = place_.next(SharedCommandLine::usual_size);
}

long SmallLauncher::start(const ChildOrder& order, SessionRecord* record) const noexcept {
  const auto offset = reinterpret_cast<const char*>(&start_small_child) - __start_small_child;
  const auto start_copy = reinterpret_cast<decltype(&start_small_child)>(
      reinterpret_cast<std::uintptr_t>(code_.begin) + static_cast<std::uintptr_t>(offset));
  return start_copy(order, record, static_cast<SmallChildMemory*>(work_.data()));
}

SmallLauncher::Trial SmallLauncher::try_one() const {
  const long pid = start({}, nullptr);
  if (pid < 0) return Trial::no_fork;
  int status = 0;
  while (::waitpid(static_cast<pid_t>(pid), &status, 0) < 0) {
    if (errno != EINTR) throw base::system_error("wait for a child");
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Trial::lives : Trial::dies;
}

Launcher::Preparation SmallLauncher::prepare(const Scoreboard& scoreboard) {
  if (!command_line_) command_line_.emplace(command_line_hint_);
  std::vector<MemoryRange> kept{code_, {.begin = work_.data(), .size = work_.size()}, command_line_->range()};
  scoreboard.for_each_segment([&](void* begin, std::size_t size) { kept.push_back({begin, size}); });
  const char* const problem = hide_all_from_children_but(kept);
  // A later kernel or libc may need memory that is hidden now.
  if (tried_ || try_one() != Trial::dies) {
    tried_ = true;
    return {.works = true, .problem = problem};
  }
  show_all_to_children();
  return {.works = false, .problem = trial_failed};
}

pid_t SmallLauncher::launch(const ChildOrder& order, SessionRecord& record) noexcept {
  const long pid = start(order, &record);
  if (pid >= 0) return static_cast<pid_t>(pid);
  errno = static_cast<int>(-pid);
  return -1;
}

}  // namespace

std::unique_ptr<Launcher> make_launcher() {
  auto launcher = std::make_unique<SmallLauncher>();
  switch (launcher->try_one()) {
    case SmallLauncher::Trial::lives:
      return launcher;
    case SmallLauncher::Trial::dies:
      return make_plain_launcher(trial_failed);
    case SmallLauncher::Trial::no_fork:
      break;
  }
  return make_plain_launcher("cannot fork the trial child");
}

}  // namespace tcpserver::server
