#include "harness/proc.hpp"

#include "tcpserver/base/process.hpp"

#include "harness/process.hpp"
#include "harness/text.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace harness {

using tcpserver::kernel::ProcessFacts;

std::vector<ProcessFacts> find_children(pid_t parent) {
  auto processes = tcpserver::kernel::all_processes().value();
  std::erase_if(processes, [&](const ProcessFacts& process) { return process.parent != parent; });
  return processes;
}

std::size_t count_zombies(pid_t parent) {
  const auto children = find_children(parent);
  return static_cast<std::size_t>(
      std::count_if(children.begin(), children.end(), [](const auto& child) { return child.state == 'Z'; }));
}

std::filesystem::path proc_directory(pid_t pid) {
  return "/proc/" + std::to_string(pid);
}

std::vector<pid_t> find_processes(const std::string& variable) {
  const std::string entry = '\0' + variable + '\0';
  std::vector<pid_t> found;
  const auto processes = tcpserver::kernel::all_processes().value();
  for (const auto& process : processes) {
    const auto environment = '\0' + read_text(proc_directory(process.pid) / "environ");
    if (environment.find(entry) != std::string::npos) found.push_back(process.pid);
  }
  return found;
}

std::chrono::milliseconds cpu_time(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0) return {};
  ::clock_gettime(clock, &time);
  return std::chrono::milliseconds(time.tv_sec * 1000 + time.tv_nsec / 1'000'000);
}

bool set_limit(pid_t pid, int resource, unsigned long value) {
  rlimit limit{};
  const auto which = static_cast<__rlimit_resource>(resource);
  if (::prlimit(pid, which, nullptr, &limit) != 0) return false;
  limit.rlim_cur = value;
  return ::prlimit(pid, which, &limit, nullptr) == 0;
}

std::size_t count_descriptors(pid_t pid) {
  std::error_code gone;
  const std::filesystem::directory_iterator first(proc_directory(pid) / "fd", gone);
  return static_cast<std::size_t>(std::distance(begin(first), end(first)));
}

std::vector<int> copy_listeners(pid_t pid) {
  std::vector<int> copies;
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (process < 0) return copies;
  constexpr int highest_looked_at = 100;
  for (int fd = 0; fd <= highest_looked_at; ++fd) {
    const int copy = static_cast<int>(::syscall(SYS_pidfd_getfd, process, fd, 0));
    if (copy < 0) continue;
    int listens = 0;
    socklen_t size = sizeof listens;
    if (::getsockopt(copy, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0) {
      copies.push_back(copy);
    } else {
      ::close(copy);
    }
  }
  ::close(process);
  return copies;
}

std::string read_proc_status(pid_t pid, const std::string& name) {
  for (auto& line : split_lines(read_text(proc_directory(pid) / "status"))) {
    if (line.starts_with(name + ":")) return line.erase(0, line.find_first_not_of(" \t", name.size() + 1));
  }
  return "";
}

bool is_running(pid_t pid) {
  const auto state = read_proc_status(pid, "State");
  return !state.empty() && !state.starts_with("Z");
}

bool reaches_state(pid_t pid, char state) {
  return eventually([&] { return read_proc_status(pid, "State").starts_with(state); });
}

bool freeze(pid_t pid) {
  return ::kill(pid, SIGSTOP) == 0 && reaches_state(pid, 'T');
}

bool under_seccomp_filter() {
  const auto mode = read_proc_status(::getpid(), "Seccomp");
  return !mode.empty() && mode != "0";
}

std::size_t raise_descriptor_limit() {
  tcpserver::base::raise_descriptor_limit();
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace harness
