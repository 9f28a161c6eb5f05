#include "server/child/launcher.hpp"

#include "tcpserver/base/process.hpp"

#include "server/child/scoreboard.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace tcpserver::server {
namespace {

namespace fs = std::filesystem;

std::set<int> count_descriptors(pid_t pid) {
  std::set<int> found;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    found.insert(std::stoi(entry.path().filename()));
  }
  return found;
}

class EachLauncher : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Children, EachLauncher, ::testing::Bool(),
                         [](const auto& test) { return std::string(test.param ? "plain" : "small"); });

// Connection and file may have any numbers.
TEST_P(EachLauncher, ClosesAllButConnectionAndFile) {
  AddressHints place;
  const auto launcher = GetParam() ? make_plain_launcher() : make_launcher(place);
  Scoreboard board(1);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(null, 0);
  const int free_from = base::highest_open_descriptor() + 1;  // the test may have inherited some
  using Order = std::pair<int, int>;
  for (const auto& [connection, file] : {Order{3, 4}, {4, 3}, {3, 7}, {7, 3}, {5, 6}, {3, -1}, {9, -1}}) {
    for (const int highest : {0, 2, 10}) {  // below both, and above
      SCOPED_TRACE("connection " + std::to_string(connection) + ", file " + std::to_string(file) +
                   ", highest " + std::to_string(highest));
      ASSERT_EQ(::dup2(ends[1], free_from + connection), free_from + connection);
      if (file >= 0) {
        ASSERT_EQ(::dup2(null, free_from + file), free_from + file);
      }
      auto& record = board.clean(0);
      if (highest == 10) {
        ASSERT_GE(::dup2(null, free_from + highest), 0);
      }
      const pid_t pid = launcher->launch({.connection = free_from + connection,
                                          .highest_descriptor = free_from + highest,
                                          .parent = ::getpid(),
                                          .verb = base::Verb::echo,
                                          .sandbox = Sandbox::none,
                                          .recording = {.descriptor = file < 0 ? -1 : free_from + file,
                                                        .room = std::numeric_limits<std::uint64_t>::max()}},
                                         record);
      ASSERT_GT(pid, 0);
      char answer = 0;
      EXPECT_EQ(::write(ends[0], "x", 1), 1);
      EXPECT_EQ(::read(ends[0], &answer, 1), 1);
      auto expected = std::set<int>{free_from + connection};
      if (file >= 0) expected.insert(free_from + file);
      EXPECT_EQ(count_descriptors(pid), expected);
      EXPECT_EQ(record.recorded, file < 0 ? 0U : 1U);
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      for (int used = 0; used <= 10; ++used) ::close(free_from + used);
    }
  }
  ::close(null);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace tcpserver::server
