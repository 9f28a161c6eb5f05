#include "tcpserver/server/memory_guard.hpp"

#include "tcpserver/posix/io.hpp"
#include "tcpserver/posix/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace tcpserver::server {

namespace {

// Half of the scale: a child then counts as if it used half of the cgroup's limit more than it does.
constexpr int children_above_server = 500;
constexpr int highest_score = 1000;  // OOM_SCORE_ADJ_MAX

// The usage counts only for this long after a kill. At other times most of it may be cached files, which the
// kernel frees when it needs memory; it has done so before it kills.
constexpr auto alert_after_kill = std::chrono::seconds(10);

// Memory is short when less than an eighth of the limit is left.
constexpr std::uint64_t reserve_part = 8;

constexpr const char* server_may_be_killed = "the OOM killer may choose the server";

std::string score_for_children() {
  constexpr std::size_t largest_file = 64;
  const auto text = posix::read_file("/proc/self/oom_score_adj", largest_file);
  int own = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), own).ec != std::errc{}) return {};
  return std::to_string(std::min(own + children_above_server, highest_score));
}

// Root can write /proc/sys even without capabilities, unless it is read-only, as in containers. core_pattern
// lets the kernel run a program as root. ip_forward is writable by root in a user namespace.
bool may_change_kernel_settings() noexcept {
  for (const char* file : {"/proc/sys/kernel/core_pattern", "/proc/sys/net/ipv4/ip_forward"}) {
    if (::faccessat(AT_FDCWD, file, W_OK, AT_EACCESS) == 0) return true;
  }
  return false;
}

// One failure may be a child that has ended or a shortage of descriptors. This many in a row are permanent.
constexpr int failures_that_look_permanent = 16;

}  // namespace

MemoryGuard::MemoryGuard(Log& log) : log_(log), limit_(posix::find_memory_limit()) {
  if (!limit_) return;
  usage_ = posix::UniqueFd(::open(limit_->usage_file.c_str(), O_RDONLY | O_CLOEXEC));
  score_ = score_for_children();
  if (!score_.empty()) proc_ = posix::UniqueFd(posix::open_folder("/proc"));
  if (!proc_) give_up("cannot read /proc/self/oom_score_adj", server_may_be_killed);
}

int MemoryGuard::writable_dir(bool confined) noexcept {
  if (!proc_) return -1;
  if (confined && may_change_kernel_settings()) {
    give_up("the server would keep write access to /proc as root", "use --user");
    return -1;
  }
  is_dumpable_ = ::prctl(PR_GET_DUMPABLE) == 1;
  return proc_.get();
}

// After a change of user, /proc/PID belongs to root (PR_SET_DUMPABLE in prctl(2)). Children inherit that, so
// the server is dumpable during the fork.
void MemoryGuard::before_fork() noexcept {
  if (proc_ && !is_dumpable_) ::prctl(PR_SET_DUMPABLE, 1UL);
}

void MemoryGuard::after_fork(pid_t child) noexcept {
  if (!proc_) return;
  if (!is_dumpable_) ::prctl(PR_SET_DUMPABLE, 0UL);
  if (child > 0) raise(child);
}

void MemoryGuard::raise(pid_t child) noexcept {
  char name[32];
  std::snprintf(name, sizeof name, "%d/oom_score_adj", static_cast<int>(child));
  const posix::UniqueFd file(::openat(proc_.get(), name, O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), score_.data(), score_.size()) >= 0) {
    failures_in_a_row_ = 0;
  } else if (++failures_in_a_row_ == failures_that_look_permanent) {
    give_up(std::strerror(errno), server_may_be_killed);
  }
}

void MemoryGuard::note_killed_child() noexcept {
  if (proc_) alert_until_ = posix::Clock::now() + alert_after_kill;
}

bool MemoryGuard::is_short() const noexcept {
  if (!proc_ || posix::Clock::now() >= alert_until_) return false;
  char text[32];
  const auto size = ::pread(usage_.get(), text, sizeof text, 0);
  std::uint64_t used = 0;
  if (size <= 0 || std::from_chars(text, text + size, used).ec != std::errc{}) return true;
  return used > limit_->bytes - limit_->bytes / reserve_part;
}

void MemoryGuard::give_up(const char* why, const char* hint) noexcept {
  proc_.reset();
  log_.warning("cannot raise oom_score_adj of children: %s; %s", why, hint);
}

}  // namespace tcpserver::server
