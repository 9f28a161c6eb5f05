#include "tcpserver/kernel/process_limit.hpp"

#include "kernel/cgroup.hpp"
#include "kernel/read_number.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

namespace tcpserver::kernel {

namespace {

std::string_view read_text(const char* path, std::span<char> buffer) noexcept {
  const base::UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  const auto size = fd ? base::read_some(fd.get(), buffer.data(), buffer.size()) : 0;
  return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// Returns the number of threads on this machine, in all namespaces, from /proc/loadavg (proc_loadavg(5)):
// "0.20 0.18 0.12 1/80 11206". nullopt if unknown.
std::optional<std::uint64_t> count_threads() noexcept {
  char buffer[128];
  auto text = read_text("/proc/loadavg", buffer);
  base::take_until(text, '/');
  return base::parse_number<std::uint64_t>(base::take_until(text, ' '));
}

// True if RLIMIT_NPROC does not apply to this process: root is exempt in the initial user namespace.
bool is_exempt_from_nproc() noexcept {
  constexpr ino_t initial_namespace = 0xeffffffd;  // PROC_USER_INIT_INO of the kernel
  struct stat own {};
  const bool is_nested = ::stat("/proc/self/ns/user", &own) == 0 && own.st_ino != initial_namespace;
  return ::getuid() == 0 && !is_nested;
}

class Search {
 public:
  explicit Search(int error) noexcept { failure_.text.append("%s", std::strerror(error)); }

  void examine_cgroups(std::string_view cgroups, const char* mount) noexcept {
    const auto visit = [this](const CgroupLevel& level) {
      const auto limit = read_pids(level, "max");
      if (!limit) return true;
      if (limit <= read_pids(level, "current")) {
        found("pids.max", *limit);
        failure_.text.append(" of cgroup %.200s (TasksMax= in a systemd unit)", level.name);
        return false;
      }
      seen("pids.max", *limit);
      return true;
    };
    for_each_cgroup(cgroups, "pids", mount, visit, [this] { return is_found(); });
  }

  void examine_system() noexcept {
    constexpr std::uint64_t reserved_pids = 300;  // RESERVED_PIDS of the kernel
    examine("kernel.threads-max", read_number("/proc/sys/kernel/threads-max"), 0, "(a sysctl)");
    examine("kernel.pid_max", read_number("/proc/sys/kernel/pid_max"), reserved_pids, "(a sysctl)");
    // The kernel does not tell how many threads a user has. All threads of the machine are an upper bound, so
    // the limit is probable, not certain.
    rlimit limit{};
    if (is_exempt_from_nproc() || ::getrlimit(RLIMIT_NPROC, &limit) != 0) return;
    if (limit.rlim_cur != RLIM_INFINITY)
      examine("RLIMIT_NPROC", limit.rlim_cur, 0, "(ulimit -u, or LimitNPROC= in a systemd unit)", "probably");
  }

  [[nodiscard]] const ForkFailure& finish() noexcept {
    if (is_found()) return failure_;
    failure_.text.append(": no known limit is reached (%s", seen_.c_str());
    if (threads_) failure_.text.append("%s%llu threads", seen_.size() > 0 ? "; " : "", base::wide(*threads_));
    failure_.text.append(")");
    return failure_;
  }

 private:
  [[nodiscard]] bool is_found() const noexcept { return failure_.limit != nullptr; }

  void found(const char* name, std::uint64_t limit, const char* verdict = "reached") noexcept {
    failure_.limit = name;
    failure_.value = limit;
    failure_.text.append(": %s %s %llu", verdict, name, base::wide(limit));
  }

  void seen(const char* name, std::uint64_t limit) noexcept {
    seen_.append("%s%s %llu", seen_.size() > 0 ? ", " : "", name, base::wide(limit));
  }

  // The limit is reached if only `reserved` more threads could exist.
  void examine(const char* name, std::optional<std::uint64_t> limit, std::uint64_t reserved,
               const char* setting, const char* verdict = "reached") noexcept {
    if (!limit || is_found()) return;
    if (!threads_ || *threads_ + reserved < *limit) return seen(name, *limit);
    found(name, *limit, verdict);
    failure_.text.append(" %s", setting);
  }

  static std::optional<std::uint64_t> read_pids(const CgroupLevel& level, const char* file) noexcept {
    base::BoundedText<PATH_MAX> path;
    path.append("%s/pids.%s", level.directory, file);
    return read_number(path.c_str());
  }

  ForkFailure failure_;
  std::optional<std::uint64_t> threads_ = count_threads();
  base::BoundedText<256> seen_;
};

}  // namespace

ForkFailure explain_fork_failure(int error, std::string_view cgroups, const char* mount) noexcept {
  Search search(error);
  search.examine_cgroups(cgroups, mount);
  search.examine_system();
  return search.finish();
}

ForkFailure explain_fork_failure(int error) noexcept {
  if (error == EAGAIN) {
    char cgroups[4096];
    return explain_fork_failure(error, read_text("/proc/self/cgroup", cgroups), "/sys/fs/cgroup");
  }
  ForkFailure failure;
  failure.text.append("%s", std::strerror(error));
  if (error == ENOMEM) failure.text.append(" (see memory.max of the cgroup and vm.overcommit_memory)");
  return failure;
}

base::StartError fork_error(const std::string& what, int error) {
  return {base::ExitStatus::system, "cannot fork " + what + ": " + explain_fork_failure(error).text.c_str()};
}

}  // namespace tcpserver::kernel
