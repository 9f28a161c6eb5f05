#include "harness/server_process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <optional>
#include <thread>

// Limits of connections, of hosts, of descriptors and of processes.
namespace {

using namespace harness;
using namespace std::chrono_literals;

void expect_refused(const ServerProcess& server, int count) {
  for (int i = 0; i < count; ++i) EXPECT_TRUE(ClientSocket(server.port()).is_reset()) << i;
}

void expect_no_processor_use(const ServerProcess& server) {
  const auto before = cpu_time(server.pid());
  std::this_thread::sleep_for(400ms);
  EXPECT_LE((cpu_time(server.pid()) - before).count(), 20) << "ms of 400 ms";
}

TEST(MaxPerHost, ResetsExcessClientsAndServesOtherHosts) {
  ServerProcess server({"--max-per-host", "2"});
  auto sessions = open_sessions(server, 2);
  expect_refused(server, 5);
  auto other = open_session(server, "127.0.0.2");
  EXPECT_TRUE(
      contains(server.status(), "3 of 1000 sessions open, 8 accepted, 5 refused (5 at --max-per-host)"));
  EXPECT_EQ(occurrences(server.log(), "has 2 open sessions (--max-per-host)\n"), 1U) << server.log();

  sessions.pop_back();
  ASSERT_TRUE(server.status_shows("2 of 1000 sessions open"));
  EXPECT_TRUE(serves(server));
}

TEST(MaxPerHost, FreesSlotsAfterEveryKindOfEnd) {
  const TextFile file("");
  ServerProcess server({"--max-per-host", "1", "--config", file.path()});
  const std::vector<void (*)(ClientSocket&, pid_t)> ends{
      [](ClientSocket& client, pid_t) { client.close(); },
      [](ClientSocket& client, pid_t) { client.reset(); },
      [](ClientSocket&, pid_t child) { ::kill(child, SIGKILL); },
  };
  for (const auto end : ends) {
    auto client = open_session(server);
    end(client, find_child(server));
    ASSERT_TRUE(server.status_shows("0 of 1000 sessions open"));
  }
  ASSERT_TRUE(server.reload(file, "idle-timeout = 300ms\n", "idle-timeout 5m -> 300ms"));
  ClientSocket silent(server.port());
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_TRUE(server.status_shows(
      "sessions ended: 1 closed by client, 1 reset by client, 1 idle timeout, 1 killed;"));
}

TEST(MaxPerHost, CountsOpenSessionsAfterAReload) {
  const TextFile file("max-connections = 4\n");
  ServerProcess server({"--config", file.path()});
  auto sessions = open_sessions(server, 3);
  ASSERT_TRUE(server.reload(file, "max-per-host = 3\nmax-connections = 5000\noverload = refuse\n",
                            "max-per-host 0 -> 3"));
  expect_refused(server, 1);
  sessions.pop_back();
  ASSERT_TRUE(server.status_shows("2 of 5000 sessions open"));
  EXPECT_TRUE(serves(server));
}

TEST(Overload, RefuseResetsClientsUntilASlotIsFree) {
  ServerProcess server({"--max-connections", "2", "--overload", "refuse"});
  auto sessions = open_sessions(server, 2);
  expect_refused(server, 100);
  EXPECT_TRUE(contains(server.status(),
                       "2 of 2 sessions open, 102 accepted, 100 refused (100 at --max-connections)"));
  EXPECT_EQ(occurrences(server.log(), "(--max-connections); further clients are reset\n"), 1U);
  sessions.pop_back();
  ASSERT_TRUE(server.status_shows("1 of 2 sessions open"));
  EXPECT_TRUE(serves(server));
}

TEST(Overload, LogsTheLimitAndThatSlotsStayFree) {
  ServerProcess server({"--bind", "127.0.0.1", "--max-connections", "2", "--quiet"});
  auto sessions = open_sessions(server, 2);
  ASSERT_TRUE(server.says("limit reached: 2 of 2"));
  for (int i = 0; i < 3; ++i) {
    sessions.pop_back();
    ASSERT_TRUE(server.status_shows("1 of 2 sessions open"));
    sessions.push_back(open_session(server));
    ASSERT_TRUE(server.status_shows("2 of 2 sessions open"));
  }
  EXPECT_EQ(occurrences(server.log(), "limit reached"), 1U) << server.log();
  EXPECT_EQ(occurrences(server.log(), "slots free"), 0U) << "a slot was free only for a moment";
  sessions.pop_back();
  ASSERT_TRUE(server.says("slots free again: 1 of 2 sessions open"));
  sessions.push_back(open_session(server));
  ASSERT_TRUE(server.status_shows("2 of 2 sessions open"));
  EXPECT_EQ(occurrences(server.log(), "limit reached: 2 of 2"), 2U) << "logged at once";
  EXPECT_FALSE(contains(server.log(), "suppressed"));
}

TEST(Overload, QueueUsesNoCpuAtTheLimit) {
  ServerProcess server({"--max-connections", "2", "--bind", "127.0.0.1"});
  auto sessions = open_sessions(server, 2);
  std::vector<ClientSocket> waiting;
  for (int i = 0; i < 50; ++i) waiting.emplace_back(server.port());
  expect_no_processor_use(server);
  for (const auto& client : waiting) EXPECT_FALSE(client.readable(0ms));
  EXPECT_EQ(find_children(server.pid()).size(), 2U);
  sessions.clear();
  for (auto& client : waiting) {
    EXPECT_EQ(echo_through(client, "turn"), "turn");
    client.close();
  }
}

TEST(Overload, SilentClientsBlockOthersOnlyUntilTheIdleTimeout) {
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess server({"--max-connections", "3", "--idle-timeout", "300ms", "--mode", mode});
    std::vector<ClientSocket> silent;
    for (int i = 0; i < 3; ++i) silent.emplace_back(server.port());
    EXPECT_TRUE(serves(server)) << mode;
    EXPECT_TRUE(server.status_shows(" idle timeout"));
  }
}

// The number of descriptors, including the spare one, when the server waits.
std::size_t descriptors_at_rest(ServerProcess& server) {
  static_cast<void>(server.status());
  EXPECT_TRUE(reaches_state(server.pid(), 'S'));
  return count_descriptors(server.pid());
}

TEST(Shortage, RefuseResetsClientsWithTheSpareDescriptor) {
  ServerProcess server({"--bind", "127.0.0.1", "--overload", "refuse"});
  const auto descriptors = descriptors_at_rest(server);
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, descriptors));
  expect_refused(server, 50);
  EXPECT_TRUE(contains(server.status(), "50 accepted, 50 refused (50 out of descriptors); "));
  EXPECT_TRUE(contains(server.last_line(), "; 50 accept errors"));
  EXPECT_TRUE(contains(server.log(), "Too many open files"));
  EXPECT_EQ(count_descriptors(server.pid()), descriptors) << "the spare descriptor is open again";
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 1000));
  EXPECT_TRUE(serves(server));
}

// The client stays in the queue, and the server backs off. With "refuse" it cannot open its spare descriptor.
TEST(Shortage, BacksOffWithoutDescriptors) {
  for (const char* overload : {"queue", "refuse"}) {
    ServerProcess server({"--bind", "127.0.0.1", "--overload", overload});
    ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 4));  // fewer than it has open
    ClientSocket client(server.port());
    ASSERT_TRUE(client.send("patient"));
    ASSERT_TRUE(server.says("accept: Too many open files"));
    const auto errors = [&] { return number_before(server.status(), " accept errors"); };
    const auto before = errors();
    expect_no_processor_use(server);
    EXPECT_LE(errors() - before, 10U) << "a spinning server has thousands per second";
    ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 1000));
    EXPECT_EQ(client.receive(7), "patient");
    if (std::string_view(overload) == "queue") continue;
    ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, descriptors_at_rest(server)));
    EXPECT_TRUE(ClientSocket(server.port()).is_reset()) << "the spare descriptor is open again";
  }
}

class ShortageOfProcesses : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to run as a user without other processes";
    if (find_command("setpriv").empty()) GTEST_SKIP() << "setpriv is not installed";
  }
  // A wrapper that limits the number of processes of the server's user.
  [[nodiscard]] std::vector<std::string> with_processes(int count) const {
    auto wrapper = program.as_user(user, user);
    wrapper.insert(wrapper.end() - 1,
                   {"--bounding-set", "-all", "prlimit", "--nproc=" + std::to_string(count)});
    return wrapper;
  }

  const PublicCopy program;
  const std::string user = std::to_string(100'000 + ::getpid());
};

// A failed fork resets only that client and frees its slot.
TEST_F(ShortageOfProcesses, CostsNoSlots) {
  ServerProcess server({"--max-connections", "5"}, {}, with_processes(3));  // the server and two children
  auto lucky = open_sessions(server, 2);
  for (int i = 0; i < 8; ++i) {  // more than there are slots
    EXPECT_EQ(ClientSocket(server.port()).receive_all(), "");
  }
  EXPECT_TRUE(contains(server.status(), "2 of 5 sessions open, 10 accepted, 8 refused (8 fork failed)"));
  EXPECT_TRUE(contains(server.log(), "fork: Resource temporarily unavailable"));
  EXPECT_TRUE(contains(server.log(), ": probably RLIMIT_NPROC 3 "));
  lucky.pop_back();
  ASSERT_TRUE(server.status_shows("1 of 5 sessions open"));
  EXPECT_TRUE(serves(server));
}

TEST_F(ShortageOfProcesses, NamesTheLimitAtTheStart) {
  for (const char* option : {"--sandbox=on", "--daemonize"}) {
    auto command = with_processes(1);
    command.insert(command.end(), {"--port", "0", option});
    // The leak sanitizer needs a process of its own.
    const auto result = run(command, {.environment = {"ASAN_OPTIONS=detect_leaks=0"}});
    EXPECT_TRUE(fails(result, 71, "cannot fork "));
    EXPECT_TRUE(contains(result.errors, ": probably RLIMIT_NPROC 1 "));
  }
}

// If the test child cannot be forked, small children may still work.
TEST_F(ShortageOfProcesses, KeepsSmallChildrenAfterAFailedTest) {
  if (!TCPSERVER_TEST_SMALL_CHILDREN) GTEST_SKIP() << "this build has only plain children";
  auto other = program.as_user(user, user);
  other.back() = "sleep";
  other.emplace_back("60");
  Process others[] = {Process(other), Process(other)};
  for (const auto& sleep : others) {
    ASSERT_TRUE(
        eventually([&] { return contains(read_text(proc_directory(sleep.pid()) / "comm"), "sleep"); }));
  }
  ServerProcess server({"--sandbox", "off"}, {}, with_processes(3));
  server.status();  // the test has ended
  for (auto& sleep : others) {
    sleep.signal(SIGKILL);
    sleep.wait();
  }
  // The kernel counts an ended process for a moment longer.
  std::optional<ClientSocket> client;
  ASSERT_TRUE(eventually([&] {
    client.emplace(server.port());
    return client->send("x") && client->receive(1) == "x";
  }));
  const auto mappings = read_text(proc_directory(find_child(server)) / "maps");
  EXPECT_FALSE(contains(mappings, "[heap]")) << mappings;
  EXPECT_FALSE(contains(server.log(), "children inherit the server's memory"));
}

}  // namespace
