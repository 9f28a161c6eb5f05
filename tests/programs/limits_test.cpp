#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include <thread>
#include <vector>

// How many clients, of how many hosts, and what becomes of those who come on top.
namespace {

using namespace harness;
using namespace std::chrono_literals;

std::vector<ClientSocket> open_sessions(const ServerProcess& server, int count) {
  std::vector<ClientSocket> sessions;
  for (int i = 0; i < count; ++i) sessions.push_back(open_session(server));
  return sessions;
}

void expect_refused(const ServerProcess& server, int count) {
  for (int i = 0; i < count; ++i) EXPECT_TRUE(ClientSocket(server.port()).is_reset()) << i;
}

void reload(ServerProcess& server, const TextFile& file, const std::string& text, const std::string& said) {
  file.write(text);
  server.process().signal(SIGHUP);
  ASSERT_TRUE(server.says(said)) << server.log();
}

void expect_no_processor_use(const ServerProcess& server) {
  const auto before = processor_time_of(server.pid());
  std::this_thread::sleep_for(400ms);
  EXPECT_LE(processor_time_of(server.pid()) - before, 20ms) << "of 400 ms";
}

TEST(MaxPerHost, ResetsWhatIsTooMuchOfOneHostAndServesTheOthers) {
  ServerProcess server({"--max-per-host", "2"});
  auto sessions = open_sessions(server, 2);
  expect_refused(server, 5);
  auto other = open_session(server, "127.0.0.2");
  EXPECT_TRUE(
      contains(server.status(),
               "3 of 1000 sessions open, 8 accepted, 5 refused (5 at their host's limit), ended: none;"))
      << server.last_line();
  const auto& errors = server.log();
  EXPECT_EQ(
      occurrences(errors, "is refused: its address has as many sessions open as --max-per-host allows, 2\n"),
      1U)
      << "once a minute: " << errors;

  sessions.pop_back();
  ASSERT_TRUE(server.status_shows("2 of 1000 sessions open"));
  EXPECT_TRUE(serves(server));
}

// A place comes back however the session ends: rivals leak one at each failure, until they refuse everybody.
TEST(MaxPerHost, PlacesComeBackHoweverSessionsEnd) {
  const TextFile file("");
  ServerProcess server({"--max-per-host", "1", "--config", file.path()});
  const std::vector<void (*)(ClientSocket&, pid_t)> ends{
      [](ClientSocket& client, pid_t) { client.close(); },
      [](ClientSocket& client, pid_t) { client.reset(); },
      [](ClientSocket&, pid_t child) { ::kill(child, SIGKILL); },
  };
  for (const auto end : ends) {
    auto client = open_session(server);
    end(client, children_of(server.pid()).at(0).pid);
    ASSERT_TRUE(server.status_shows("0 of 1000 sessions open")) << server.last_line();
  }
  reload(server, file, "idle-timeout = 300ms\n", "idle-timeout 5m -> 300ms");
  ClientSocket silent(server.port());
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_TRUE(server.status_shows("0 refused, ended: 1 client closed, 1 reset, 1 idle time-out, 1 killed;"))
      << server.last_line();
}

TEST(MaxPerHost, ChangesWithAReloadAndKnowsWhoIsThereAlready) {
  const TextFile file("max-connections = 4\n");
  ServerProcess server({"--config", file.path()});
  auto sessions = open_sessions(server, 3);
  reload(server, file, "max-per-host = 3\nmax-connections = 5000\noverload = refuse\n",
         "max-per-host 0 -> 3");
  expect_refused(server, 1);
  sessions.pop_back();
  ASSERT_TRUE(server.status_shows("2 of 5000 sessions open"));
  EXPECT_TRUE(serves(server));
}

TEST(Overload, RefuseResetsAtTheLimitAtOnceAndServesWhenAPlaceIsFree) {
  ServerProcess server({"--max-connections", "2", "--overload", "refuse"});
  auto sessions = open_sessions(server, 2);
  expect_refused(server, 100);
  EXPECT_TRUE(contains(server.status(),
                       "2 of 2 sessions open, 102 accepted, 100 refused (100 at the limit), ended: none;"))
      << server.last_line();
  EXPECT_EQ(occurrences(server.log(),
                        "2 of 2 sessions open, as --max-connections allows: further clients are reset\n"),
            1U);
  sessions.pop_back();
  ASSERT_TRUE(server.status_shows("1 of 2 sessions open"));
  EXPECT_TRUE(serves(server));
}

TEST(Overload, QueueUsesNoProcessorAtTheLimit) {
  ServerProcess server({"--max-connections", "2", "--bind", "127.0.0.1"});
  auto sessions = open_sessions(server, 2);
  std::vector<ClientSocket> waiting;
  for (int i = 0; i < 50; ++i) waiting.emplace_back(server.port());
  expect_no_processor_use(server);
  for (const auto& client : waiting) EXPECT_FALSE(client.readable(0ms));
  EXPECT_EQ(children_of(server.pid()).size(), 2U);
  sessions.clear();
  for (auto& client : waiting) {
    EXPECT_EQ(echo_through(client, "turn"), "turn");
    client.close();
  }
}

// As many silent clients as there are places lock the others out for the idle time-out, and no longer.
TEST(Overload, SilentClientsLockOthersOutForTheIdleTimeOutAlone) {
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess server({"--max-connections", "3", "--idle-timeout", "300ms", "--mode", mode});
    std::vector<ClientSocket> silent;
    for (int i = 0; i < 3; ++i) silent.emplace_back(server.port());
    ClientSocket client(server.port());
    EXPECT_EQ(echo_through(client, "at last"), "at last") << mode;
    EXPECT_TRUE(server.status_shows(" idle time-out"));
  }
}

// With the spare descriptor.
std::size_t descriptors_at_rest(ServerProcess& server) {
  static_cast<void>(server.status());
  EXPECT_TRUE(eventually([&] { return status_of(server.pid(), "State").starts_with("S"); }));
  return descriptors_of(server.pid());
}

TEST(Shortage, OfDescriptorsWithRefuseIsToldToEachClientByTheReserve) {
  ServerProcess server({"--bind", "127.0.0.1", "--overload", "refuse"});
  const auto descriptors = descriptors_at_rest(server);
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, descriptors));
  expect_refused(server, 50);
  EXPECT_TRUE(contains(server.status(),
                       "50 accepted, 50 refused (50 for want of a descriptor), ended: none; 0 failed"))
      << server.last_line();
  EXPECT_TRUE(contains(server.last_line(), "50 accept errors;")) << server.last_line();
  EXPECT_TRUE(contains(server.log(), "Too many open files"));
  EXPECT_EQ(descriptors_of(server.pid()), descriptors) << "the reserve is back";
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 1000));
  EXPECT_TRUE(serves(server));
}

// Not even the reserve can be opened again: then they wait, and the server rests.
TEST(Shortage, OfDescriptorsThatTakesTheReserveTooIsWaitedOut) {
  ServerProcess server({"--bind", "127.0.0.1", "--overload", "refuse"});
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 4));
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("patient"));
  expect_no_processor_use(server);
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 1000));
  EXPECT_EQ(client.receive(7), "patient");
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, descriptors_at_rest(server)));
  ClientSocket next(server.port());
  EXPECT_TRUE(next.is_reset()) << "the reserve is there again";
}

}  // namespace
