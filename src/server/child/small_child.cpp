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

// Starts children that share almost no memory with their parent. A fork copies the page tables of all memory
// that the parent has touched, and later writes copy pages. A session needs only a page of code, a stack, a
// buffer and its record. So all other memory is hidden from children (MADV_DONTFORK): the heap, the stack,
// libc with its data, and the rest of the program. Such a child starts with empty page tables, touches three
// pages, and the parent has to copy none. An attacker in the child finds no addresses of other clients and no
// code except the session's.
//
// The code is in small_child_code.cpp.
class SmallLauncher final : public Launcher {
 public:
  // Throws StartError if memory is not available. Maps the memory of children close together, which saves
  // each child a page of page tables.
  explicit SmallLauncher(AddressHints& place)
      : work_(base::Mapping::Kind::own, sizeof(SmallChildMemory), place.next(sizeof(SmallChildMemory))),
        code_(remap_code(
            {__start_small_child, static_cast<std::size_t>(__stop_small_child - __start_small_child)},
            place)),
        command_line_(move_command_line(place)) {}

  [[nodiscard]] pid_t launch(const ChildOrder& order, SessionRecord& record) noexcept override {
    const long pid = start(order, &record);
    if (pid >= 0) return static_cast<pid_t>(pid);
    errno = static_cast<int>(-pid);
    return -1;
  }

  // Hides all memory except that of small children and the scoreboard. After that only small children can
  // run. If they do not work, shows all memory again.
  [[nodiscard]] Preparation prepare(const Scoreboard& scoreboard) override {
    std::vector<MemoryRange> kept{code_, {work_.data(), work_.size()}, command_line_};
    for (const auto& segment : scoreboard.segments()) kept.push_back({segment.data(), segment.size()});
    const char* const problem = hide_from_children_except(kept);
    if (trial_ == Trial::none) trial_ = test_child();
    if (trial_ != Trial::fails) return {.works = true, .problem = problem};
    show_all_to_children();
    return {.works = false, .problem = "the test child failed"};
  }

 private:
  [[nodiscard]] long start(const ChildOrder& order, SessionRecord* record) const noexcept {
    const auto offset = reinterpret_cast<const char*>(&start_small_child) - __start_small_child;
    const auto start_copy = reinterpret_cast<decltype(&start_small_child)>(
        reinterpret_cast<std::uintptr_t>(code_.begin) + static_cast<std::uintptr_t>(offset));
    return start_copy(order, record, static_cast<SmallChildMemory*>(work_.data()));
  }

  // A later kernel or libc may need memory that is hidden from children, and a container's seccomp filter may
  // forbid this clone(2). After a shortage (EAGAIN, ENOMEM) the next prepare() tests again.
  enum class Trial { none, works, fails };
  [[nodiscard]] Trial test_child() const {
    const long pid = start({}, nullptr);
    if (pid == -EAGAIN || pid == -ENOMEM) return Trial::none;
    if (pid < 0) return Trial::fails;
    int status = 0;
    while (::waitpid(static_cast<pid_t>(pid), &status, 0) < 0) {
      if (errno != EINTR) throw base::system_error("wait for a child");
    }
    return status == 0 ? Trial::works : Trial::fails;
  }

  base::Mapping work_;  // never touched here, so that each child gets new pages
  MemoryRange code_;
  MemoryRange command_line_;
  Trial trial_ = Trial::none;
};

}  // namespace

std::unique_ptr<Launcher> make_launcher(AddressHints& place) {
  return std::make_unique<SmallLauncher>(place);
}

}  // namespace tcpserver::server
