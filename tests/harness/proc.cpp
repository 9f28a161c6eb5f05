#include "harness/proc.hpp"

#include "tcpserver/base/process.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace harness {

namespace {

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const pid_t pid = std::atoi(entry->path().filename().c_str());
    if (pid > 0) pids.push_back(pid);
  }
  return pids;
}

std::ifstream file_of(pid_t pid, const std::string& name) {
  return std::ifstream("/proc/" + std::to_string(pid) + "/" + name);
}

}  // namespace

std::vector<ChildState> children_of(pid_t parent) {
  std::vector<ChildState> children;
  for (const pid_t pid : all_processes()) {
    if (status_of(pid, "PPid") != std::to_string(parent)) continue;
    const auto state = status_of(pid, "State");
    if (!state.empty()) children.push_back({pid, state[0]});
  }
  return children;
}

std::vector<pid_t> processes_with(const std::string& variable) {
  std::vector<pid_t> found;
  for (const pid_t pid : all_processes()) {
    auto file = file_of(pid, "environ");
    for (std::string entry; std::getline(file, entry, '\0');) {
      if (entry == variable) {
        found.push_back(pid);
        break;
      }
    }
  }
  return found;
}

std::size_t zombies_of(pid_t parent) {
  const auto children = children_of(parent);
  return static_cast<std::size_t>(std::count_if(children.begin(), children.end(),
                                                [](const ChildState& child) { return child.state == 'Z'; }));
}

std::chrono::milliseconds processor_time_of(pid_t pid) {
  auto file = file_of(pid, "stat");
  std::string line;
  std::getline(file, line);
  std::istringstream rest(line.substr(line.rfind(')') + 1));
  constexpr int fields_before_utime = 11;  // STATE to cmajflt (proc_pid_stat(5))
  std::string skipped;
  for (int i = 0; i < fields_before_utime; ++i) rest >> skipped;
  long user = 0;
  long system = 0;
  rest >> user >> system;
  return std::chrono::milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

bool set_limit(pid_t pid, int resource, unsigned long value) {
  rlimit limit{};
  const auto which = static_cast<__rlimit_resource>(resource);
  if (::prlimit(pid, which, nullptr, &limit) != 0) return false;
  limit.rlim_cur = value;
  return ::prlimit(pid, which, &limit, nullptr) == 0;
}

std::size_t descriptors_of(pid_t pid) {
  std::error_code error;
  std::size_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/" + std::to_string(pid) + "/fd", error), end;
       !error && entry != end; entry.increment(error)) {
    ++count;
  }
  return count;
}

std::vector<int> copies_of_listeners(pid_t pid) {
  std::vector<int> copies;
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (process < 0) return copies;
  constexpr int highest_looked_at = 100;
  for (int fd = 0; fd <= highest_looked_at; ++fd) {
    const int copy = static_cast<int>(::syscall(SYS_pidfd_getfd, process, fd, 0));
    if (copy < 0) continue;
    int listens = 0;
    socklen_t size = sizeof listens;
    const bool found = ::getsockopt(copy, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
    if (found) {
      copies.push_back(copy);
    } else {
      ::close(copy);
    }
  }
  ::close(process);
  return copies;
}

std::string status_of(pid_t pid, const std::string& name) {
  auto file = file_of(pid, "status");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name + ":")) continue;
    line.erase(0, line.find_first_not_of(" \t", name.size() + 1));
    return line;
  }
  return "";
}

bool under_seccomp_filter() {
  const auto mode = status_of(::getpid(), "Seccomp");
  return !mode.empty() && mode != "0";
}

std::size_t raise_descriptor_limit() {
  tcpserver::base::raise_descriptor_limit();
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace harness
