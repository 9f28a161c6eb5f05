#include "tcpserver/kernel/memory_limit.hpp"

#include "harness/cgroup.hpp"
#include "harness/server_process.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

// Tests which process the OOM killer chooses.
namespace {

using namespace harness;

// A cgroup with a memory limit.
class MemoryCgroup : public OwnCgroup {
 public:
  explicit MemoryCgroup(unsigned long limit) : OwnCgroup("memory"), works_(set_limit(limit)) {
    if (!is_version_1()) static_cast<void>(set("memory.swap.max", "0"));
  }

  [[nodiscard]] bool works() const { return works_; }
  [[nodiscard]] bool set_limit(unsigned long bytes) const {
    return set(is_version_1() ? "memory.limit_in_bytes" : "memory.max", std::to_string(bytes));
  }

  // Processes that the OOM killer has killed in this cgroup.
  [[nodiscard]] unsigned long kills() const {
    const auto text = get(is_version_1() ? "memory.oom_control" : "memory.events");
    const std::string key = "oom_kill ";
    const auto at = text.rfind(key);
    return at == std::string::npos ? 0 : std::stoul(text.substr(at + key.size()));
  }

 private:
  bool works_;
};

// The parameter is how the server gets its user.
class OutOfMemory : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr std::size_t most_clients = 4000;

  void SetUp() override {
    if (TCPSERVER_TEST_SANITIZED) GTEST_SKIP() << "a sanitizer's memory does not fit into the limit";
    if (::geteuid() != 0) GTEST_SKIP() << "only root may make a cgroup";
    if (!cgroup.works()) GTEST_SKIP() << "cannot create a cgroup with a memory limit here";
    if (raise_descriptor_limit() < most_clients + 100) GTEST_SKIP() << "the descriptor limit is too low";
  }

  void start() {
    const std::string way = GetParam();
    std::vector<std::string> options{"--max-connections", std::to_string(most_clients), "--drain-timeout",
                                     "0"};
    if (way == "UserOption") options.insert(options.end(), {"--user", "nobody"});
    auto wrapper = cgroup.wrapper();
    const auto command = way == "StartedAsUser" ? program.as_user() : std::vector{program.path()};
    wrapper.insert(wrapper.end(), command.begin(), command.end());
    server = std::make_unique<ServerProcess>(options, SpawnOptions{}, wrapper);
  }

  // Connects clients that send nothing.
  void connect(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      clients.emplace_back(server->port());
      ASSERT_TRUE(server->process().running()) << "after " << clients.size() << " clients";
    }
  }

  // Forks a process that fills a file in memory, which counts for the cgroup but not for the process, until
  // the kernel has killed `kills` others.
  [[nodiscard]] pid_t fill_memory_until(unsigned long kills) const {
    const pid_t hog = ::fork();
    if (hog != 0) return hog;
    constexpr int most_steps = 4096;
    const std::string step(16UL * 1024, 'x');
    const int file = ::memfd_create("hog", MFD_CLOEXEC);
    const bool joined = cgroup.join();
    for (int i = 0; joined && i < most_steps && cgroup.kills() < kills; ++i) {
      static_cast<void>(!::write(file, step.data(), step.size()));
    }
    for (;;) ::pause();
  }

  void expect_it_serves_the_next_client() {
    clients.clear();
    EXPECT_TRUE(serves(*server));
    EXPECT_FALSE(contains(server->log(), "oom_score_adj"));
    EXPECT_EQ(server->stop(), 0);
  }

  MemoryCgroup cgroup{16UL << 20};
  PublicCopy program;
  std::unique_ptr<ServerProcess> server;
  std::vector<ClientSocket> clients;
};

INSTANTIATE_TEST_SUITE_P(Users, OutOfMemory, ::testing::Values("Root", "UserOption", "StartedAsUser"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(OutOfMemory, FloodOfIdleClientsEndsNoSession) {
  start();
  auto first = open_session(*server);
  connect(3000);
  EXPECT_TRUE(server->says("low memory"));
  EXPECT_TRUE(echoes(first));
  expect_it_serves_the_next_client();
}

// Cached files fill the cgroup. The kernel frees them when sessions need memory.
TEST_P(OutOfMemory, FloodEndsNoSessionWhileFilesAreCached) {
  start();
  const TemporaryDirectory directory;
  const auto fill = "dd if=/dev/zero of=" + directory.path() + "/cached bs=64k count=320 conv=fsync";
  auto command = cgroup.wrapper();
  command.insert(command.end(), {"sh", "-c", fill});
  ASSERT_EQ(run(command).ending, 0);
  connect(3000);
  EXPECT_TRUE(server->process().running());
  expect_it_serves_the_next_client();
}

TEST_P(OutOfMemory, FollowsARaisedLimit) {
  start();
  connect(1000);
  ASSERT_TRUE(server->says("low memory"));
  ASSERT_TRUE(cgroup.set_limit(256UL << 20));
  EXPECT_TRUE(eventually([&] { return find_children(server->pid()).size() == clients.size(); }));
  expect_it_serves_the_next_client();
}

TEST_P(OutOfMemory, KernelKillsChildrenNotTheServer) {
  start();
  connect(100);
  ASSERT_TRUE(eventually([&] { return find_children(server->pid()).size() == clients.size(); }));
  constexpr unsigned long kills = 5;
  const pid_t hog = fill_memory_until(kills);
  EXPECT_TRUE(eventually([&] { return cgroup.kills() >= kills; }));
  ::kill(hog, SIGKILL);
  ::waitpid(hog, nullptr, 0);
  expect_it_serves_the_next_client();
  // A killed child that is reaped during the stop counts as drained.
  EXPECT_GT(number_before(server->last_line(), " killed"), 0U) << server->last_line();
}

int score(pid_t pid) {
  return std::stoi(read_text(proc_directory(pid) / "oom_score_adj"));
}

TEST_P(OutOfMemory, ChildrenHaveAHigherScoreThanTheServer) {
  start();
  auto client = open_session(*server);
  EXPECT_EQ(score(find_child(*server)), std::min(1000, score(::getpid()) + 500));
  EXPECT_TRUE(eventually([&] { return score(server->pid()) == score(::getpid()); })) << "it is lowered again";
}

TEST(MemoryWithoutLimit, DoesNotChangeTheScoreOfChildren) {
  if (tcpserver::kernel::MemoryLimit::find()) GTEST_SKIP() << "a memory limit applies here";
  ServerProcess server;
  auto client = open_session(server);
  EXPECT_EQ(score(find_child(server)), score(server.pid()));
}

}  // namespace
