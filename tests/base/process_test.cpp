#include "tcpserver/base/process.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>

namespace {

using namespace tcpserver;

// As before Linux 5.9, and under some containers' filters.
bool refuse_close_range() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = 4, .filter = rules};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 &&
         ::syscall(SYS_close_range, ~0U, ~0U, 0) == -1;
}

constexpr int last_in_use = 20;

// What is left of 0 to last_in_use in a child that closes all but two: as "5 9".
std::string left_by(int fd, int also, int highest, bool without_close_range) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int result = ::fcntl(ends[1], F_DUPFD, last_in_use + 1);
    for (int other = 0; other <= last_in_use; ++other) ::dup2(result, other);
    if (without_close_range && !refuse_close_range()) ::_exit(1);
    base::close_all_but(fd, also, highest);
    std::string left;
    for (int other = 0; other <= last_in_use; ++other) {
      if (::fcntl(other, F_GETFD) >= 0) left += (left.empty() ? "" : " ") + std::to_string(other);
    }
    const bool told = ::write(fd, left.data(), left.size()) == static_cast<ssize_t>(left.size());
    ::_exit(told ? 0 : 2);
  }
  ::close(ends[1]);
  char text[200] = {};
  const auto count = std::max<ssize_t>(::read(ends[0], text, sizeof text - 1), 0);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  return {text, static_cast<std::size_t>(count)};
}

class CloseAllBut : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(CloseRange, CloseAllBut, ::testing::Values(false, true), [](const auto& test) {
  return std::string(test.param ? "is_refused" : "as_it_is");
});

TEST_P(CloseAllBut, KeepsTwoInWhateverOrder) {
  using Order = std::pair<int, int>;
  for (const auto& [fd, also] : {Order{5, 6},
                                 {6, 5},
                                 {5, 9},
                                 {9, 5},
                                 {0, 1},
                                 {1, 0},
                                 {0, last_in_use},
                                 {last_in_use, 0},
                                 {last_in_use, last_in_use - 1}}) {
    const auto [lower, upper] = std::minmax(fd, also);
    EXPECT_EQ(left_by(fd, also, last_in_use, GetParam()),
              std::to_string(lower) + " " + std::to_string(upper));
  }
}

TEST_P(CloseAllBut, KeepsOne) {
  for (const int fd : {0, 1, 5, last_in_use}) {
    EXPECT_EQ(left_by(fd, -1, last_in_use, GetParam()), std::to_string(fd));
  }
}

}  // namespace
