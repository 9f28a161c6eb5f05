#include "tcpserver/posix/memory_limit.hpp"

#include "harness/client_socket.hpp"
#include "harness/figure.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

// Tests which process the OOM killer chooses.
namespace {

using namespace harness;
namespace fs = std::filesystem;

std::string contents_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool write_to(const fs::path& file, const std::string& text) {
  std::ofstream stream(file);
  stream << text << std::flush;
  return stream.good();
}

// A cgroup of the test's own, with a memory limit. Removed at the end, when its processes are gone.
class MemoryCgroup {
 public:
  explicit MemoryCgroup(unsigned long limit) {
    const fs::path mount = "/sys/fs/cgroup";
    const bool version_1 = fs::exists(mount / "memory" / "memory.limit_in_bytes");
    const fs::path parent = version_1 ? mount / "memory" : mount;
    if (!version_1) write_to(parent / "cgroup.subtree_control", "+memory");
    const auto path = parent / ("tcpserver_test." + std::to_string(::getpid()));
    if (::mkdir(path.c_str(), 0755) != 0) return;
    path_ = path;
    events_ = path / (version_1 ? "memory.oom_control" : "memory.events");
    works_ = write_to(path / (version_1 ? "memory.limit_in_bytes" : "memory.max"), std::to_string(limit));
    if (!version_1) write_to(path / "memory.swap.max", "0");
  }
  ~MemoryCgroup() {
    if (!path_.empty()) static_cast<void>(eventually([&] { return ::rmdir(path_.c_str()) == 0; }));
  }
  MemoryCgroup(const MemoryCgroup&) = delete;
  MemoryCgroup& operator=(const MemoryCgroup&) = delete;

  [[nodiscard]] bool works() const { return works_; }

  // A wrapper for ServerProcess: the server starts in this cgroup.
  [[nodiscard]] std::vector<std::string> wrapper() const {
    return {"sh", "-c", "echo $$ >" + (path_ / "cgroup.procs").string() + " && exec \"$@\"", "sh"};
  }

  // Processes that the OOM killer has killed in this cgroup.
  [[nodiscard]] unsigned long kills() const {
    const auto text = contents_of(events_);
    const std::string key = "oom_kill ";
    const auto at = text.rfind(key);
    return at == std::string::npos ? 0 : std::stoul(text.substr(at + key.size()));
  }

 private:
  fs::path path_;
  fs::path events_;
  bool works_ = false;
};

class OutOfMemory : public ::testing::Test {
 protected:
  static constexpr std::size_t most_clients = 5000;

  void SetUp() override {
    if (TCPSERVER_TEST_SANITIZED) GTEST_SKIP() << "a sanitizer's memory does not fit into the limit";
    if (::geteuid() != 0) GTEST_SKIP() << "only root may make a cgroup";
    if (!cgroup.works()) GTEST_SKIP() << "this machine lets nobody make a cgroup with a memory limit";
    if (raise_descriptor_limit() < most_clients + 100) GTEST_SKIP() << "the descriptor limit is too low";
  }

  // `behind`: a command that executes the server.
  void start(std::vector<std::string> options, const std::vector<std::string>& behind = {}) {
    options.insert(options.end(),
                   {"--max-connections", std::to_string(most_clients), "--drain-timeout", "0"});
    auto wrapper = cgroup.wrapper();
    wrapper.insert(wrapper.end(), behind.begin(), behind.end());
    wrapper.push_back(program.path());
    server = std::make_unique<ServerProcess>(options, SpawnOptions{}, wrapper);
  }

  // Clients that only connect, until the OOM killer has killed this many processes.
  void flood_until(unsigned long kills) {
    while (cgroup.kills() < kills && clients.size() < most_clients) {
      clients.emplace_back(server->port());
      ASSERT_TRUE(server->process().running())
          << "after " << clients.size() << " clients and " << cgroup.kills() << " kills";
    }
    ASSERT_GE(cgroup.kills(), kills);
  }

  MemoryCgroup cgroup{16UL << 20};
  PublicCopy program{TCPSERVER_PROGRAM};
  std::unique_ptr<ServerProcess> server;
  std::vector<ClientSocket> clients;
};

TEST_F(OutOfMemory, KernelKillsSessionsNotTheServer) {
  using Words = std::vector<std::string>;
  const std::pair<Words, Words> ways[] = {
      {{"--user", "nobody"}, {}},
      {{"--sandbox", "off"}, {}},
      {{}, {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}},  // as systemd starts it
  };
  for (const auto& [options, behind] : ways) {
    start(options, behind);
    flood_until(cgroup.kills() + 15);
    clients.clear();
    ClientSocket next(server->port());
    EXPECT_EQ(echo_through(next, "hello"), "hello");
    EXPECT_EQ(server->process().errors().find("oom_score_adj"), std::string::npos)
        << server->process().errors();
    EXPECT_EQ(server->stop(), 0);
    EXPECT_GT(figure_before(server->last_line(), " killed"), 0U) << server->last_line();
  }
}

TEST_F(OutOfMemory, RaisesTheScoreOfEachChildAboveTheServers) {
  start({"--user", "nobody"});
  ClientSocket client(server->port());
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
  const auto score = [](pid_t pid) {
    return std::stoi(contents_of("/proc/" + std::to_string(pid) + "/oom_score_adj"));
  };
  const auto children = children_of(server->pid());
  ASSERT_EQ(children.size(), 1U);
  EXPECT_TRUE(eventually([&] {
    return score(children[0].pid) == std::min(1000, score(server->pid()) + 500);
  })) << score(children[0].pid);
}

// The server does not keep write access to /proc/sys as root.
TEST_F(OutOfMemory, WarnsIfRootCannotRaiseTheScore) {
  start({});
  EXPECT_NE(server->process().errors().find("cannot raise oom_score_adj"), std::string::npos)
      << server->process().errors();
  EXPECT_EQ(server->stop(), 0);
}

TEST(MemoryWithoutLimit, LeavesTheScoreOfChildrenAlone) {
  if (tcpserver::posix::find_memory_limit()) GTEST_SKIP() << "a memory limit applies here";
  ServerProcess server;
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
  const auto children = children_of(server.pid());
  ASSERT_EQ(children.size(), 1U);
  EXPECT_EQ(contents_of("/proc/" + std::to_string(children[0].pid) + "/oom_score_adj"),
            contents_of("/proc/" + std::to_string(server.pid()) + "/oom_score_adj"));
}

}  // namespace
