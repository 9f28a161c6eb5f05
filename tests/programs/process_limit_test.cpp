#include "harness/cgroup.hpp"
#include "harness/json.hpp"
#include "harness/strace.hpp"

#include <unistd.h>

// A failed fork names the limit that was reached.
namespace {

using namespace harness;

class ProcessLimit : public Injection {};

TEST_F(ProcessLimit, IsPidsMaxOfTheCgroup) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may make a cgroup";
  const OwnCgroup cgroup("pids");
  if (!cgroup.set("pids.max", "max")) GTEST_SKIP() << "cannot create a cgroup with a limit on processes here";
  const PublicCopy program;
  auto wrapper = cgroup.wrapper();
  wrapper.push_back(program.path());
  ServerProcess server({"--user", "nobody", "--log-format", "json", "--drain-timeout", "0"},
                       without_leak_check(), wrapper);
  const auto client = open_session(server);
  ASSERT_TRUE(cgroup.set("pids.max", "2"));
  EXPECT_TRUE(ClientSocket(server.port()).is_reset());
  ASSERT_TRUE(server.says("\"fork_error\""));
  for (const auto& line : split_lines(server.log())) {
    if (!contains(line, "\"fork_error\"")) continue;
    EXPECT_EQ(Json(line).values("errno limit value"), "EAGAIN pids.max 2");
    EXPECT_TRUE(contains(line, "cgroup " + cgroup.name() + " (TasksMax="));
  }
  EXPECT_EQ(server.stop(), 0);
}

TEST_F(ProcessLimit, IsUnknownIfNoneIsReached) {
  auto server = start({"--sandbox", "off"}, "clone,fork,vfork", "error=EAGAIN:when=1+");
  EXPECT_TRUE(ClientSocket(server.port()).is_reset());
  EXPECT_TRUE(server.says("kernel.pid_max "));
  EXPECT_TRUE(contains(server.log(), "no known limit is reached"));
}

}  // namespace
