#include "tcpserver/base/mapping.hpp"
#include "tcpserver/base/system_error.hpp"

#include "server/child/inherited_memory.hpp"
#include "server/child/launcher.hpp"
#include "server/child/scoreboard.hpp"
#include "server/child/small_child_code.hpp"

#include <sys/wait.h>

#include <cerrno>
#include <vector>

namespace tcpserver::server {

namespace {

// Children with almost no memory of their parent. A fork copies the page tables of the memory that the parent
// has touched, and both sides pay again when they write. A session needs only a page of code, a stack, a
// buffer and its record, so all other memory is hidden from children (MADV_DONTFORK): the heap, the stack,
// libc with its data, the rest of the program. Such a child starts with empty page tables, touches three
// pages, and leaves the parent no page to copy. An attacker who controls it finds no other client's address
// and no code but the session's.
//
// The code is in small_child_code.cpp.
class SmallLauncher final : public Launcher {
 public:
  // Throws StartError if memory is not available. Puts the memory of children close together: that saves a
  // page of page tables for each.
  explicit SmallLauncher(AddressHints& place)
      : work_(base::Mapping::Kind::own, sizeof(SmallChildMemory), place.next(sizeof(SmallChildMemory))),
        code_(map_code_again(
            {__start_small_child, static_cast<std::size_t>(__stop_small_child - __start_small_child)},
            place)),
        command_line_(move_command_line(place)) {}

  [[nodiscard]] pid_t launch(const ChildOrder& order, SessionRecord& record) noexcept override {
    const long pid = start(order, &record);
    if (pid >= 0) return static_cast<pid_t>(pid);
    errno = static_cast<int>(-pid);
    return -1;
  }

  // Hides all memory except that of these children and the scoreboard. Plain children cannot live after that,
  // unless the result says that small ones do not work.
  [[nodiscard]] Preparation prepare(const Scoreboard& scoreboard) override {
    std::vector<MemoryRange> kept{code_, {work_.data(), work_.size()}, command_line_};
    for (const auto& segment : scoreboard.segments()) kept.push_back({segment.data(), segment.size()});
    const char* const problem = hide_all_from_children_but(kept);
    if (trial_ == Trial::none) trial_ = try_child();
    if (trial_ != Trial::fails) return {.works = true, .problem = problem};
    show_all_to_children();
    return {.works = false, .problem = "the trial child failed"};
  }

 private:
  [[nodiscard]] long start(const ChildOrder& order, SessionRecord* record) const noexcept {
    const auto offset = reinterpret_cast<const char*>(&start_small_child) - __start_small_child;
    const auto start_copy = reinterpret_cast<decltype(&start_small_child)>(
        reinterpret_cast<std::uintptr_t>(code_.begin) + static_cast<std::uintptr_t>(offset));
    return start_copy(order, record, static_cast<SmallChildMemory*>(work_.data()));
  }

  // A later kernel or libc may need memory that is hidden from children, and a container's seccomp filter may
  // forbid this clone(2). A shortage proves nothing: the next prepare() tries again.
  enum class Trial { none, works, fails };
  [[nodiscard]] Trial try_child() const {
    const long pid = start({}, nullptr);
    if (pid == -EAGAIN || pid == -ENOMEM) return Trial::none;
    if (pid < 0) return Trial::fails;
    int status = 0;
    while (::waitpid(static_cast<pid_t>(pid), &status, 0) < 0) {
      if (errno != EINTR) throw base::system_error("wait for a child");
    }
    return status == 0 ? Trial::works : Trial::fails;
  }

  base::Mapping work_;  // never touched here: each child's first touch gives it a page of its own
  MemoryRange code_;
  MemoryRange command_line_;
  Trial trial_ = Trial::none;
};

}  // namespace

std::unique_ptr<Launcher> make_launcher(AddressHints& place) {
  return std::make_unique<SmallLauncher>(place);
}

}  // namespace tcpserver::server
