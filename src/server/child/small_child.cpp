#include "server/child/small_child.hpp"

#include "tcpserver/base/system_error.hpp"

#include "server/child/small_child_code.hpp"

#include <sys/wait.h>

#include <cerrno>
#include <vector>

namespace tcpserver::server {

namespace {

MemoryRange linked_code() noexcept {
  return {.begin = __start_small_child,
          .size = static_cast<std::size_t>(__stop_small_child - __start_small_child)};
}

}  // namespace

SmallLauncher::SmallLauncher()
    : work_(base::Mapping::Kind::own, sizeof(SmallChildMemory), place_.next(sizeof(SmallChildMemory))),
      code_(linked_code()) {
  if (const void* const copy = map_code_again(code_, place_.next(code_.size))) code_.begin = copy;
  command_line_hint_ = place_.next(SharedCommandLine::usual_size);
  works_ = try_one() == Trial::lives;
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
  const bool first = !command_line_;
  if (first) command_line_.emplace(command_line_hint_);
  std::vector<MemoryRange> kept{code_, {.begin = work_.data(), .size = work_.size()}, command_line_->range()};
  scoreboard.for_each_segment([&](void* begin, std::size_t size) { kept.push_back({begin, size}); });
  const char* const problem = hide_all_from_children_but(kept);
  // A later kernel or libc may need memory that is hidden now.
  if (!first || try_one() != Trial::dies) return {.works = true, .problem = problem};
  show_all_to_children();
  works_ = false;
  return {.works = false, .problem = "the trial child failed"};
}

pid_t SmallLauncher::launch(const ChildOrder& order, SessionRecord& record) noexcept {
  const long pid = start(order, &record);
  if (pid >= 0) return static_cast<pid_t>(pid);
  errno = static_cast<int>(-pid);
  return -1;
}

}  // namespace tcpserver::server
