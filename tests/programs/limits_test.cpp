#include "harness/client_socket.hpp"
#include "harness/figure.hpp"
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

void expect_session(ClientSocket& client) {
  ASSERT_TRUE(client.connected());
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
}

bool starts_eventually(ServerProcess& server, const std::string& start) {
  return eventually([&] { return server.status().starts_with(start); });
}

// Looks at the server's processor time over two seconds in which `meanwhile` keeps happening.
template <typename Meanwhile>
double processor_share_of(ServerProcess& server, Meanwhile meanwhile) {
  const auto before = processor_time_of(server.pid());
  const auto begin = Clock::now();
  do {
    meanwhile();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  } while (Clock::now() - begin < std::chrono::seconds(2));
  const std::chrono::duration<double> elapsed = Clock::now() - begin;
  return std::chrono::duration<double>(processor_time_of(server.pid()) - before) / elapsed;
}

TEST(MaxPerHost, ResetsWhatIsTooMuchOfOneHostAndServesTheOthers) {
  ServerProcess server({"--max-per-host", "2"});
  std::vector<ClientSocket> sessions;
  for (int i = 0; i < 2; ++i) expect_session(sessions.emplace_back(server.port()));
  for (int i = 0; i < 5; ++i) {
    ClientSocket third(server.port());
    EXPECT_TRUE(third.is_reset()) << i;
  }
  auto other = ClientSocket::from("127.0.0.2", server.port());
  expect_session(other);
  EXPECT_TRUE(server.status().starts_with(
      "3 of 1000 sessions open, 8 accepted, 5 refused (5 at their host's limit), ended: none;"))
      << server.last_line();
  const auto& errors = server.process().errors();
  EXPECT_EQ(
      occurrences(errors, "is refused: its address has as many sessions open as --max-per-host allows, 2\n"),
      1U)
      << "once a minute: " << errors;

  sessions.pop_back();
  ASSERT_TRUE(starts_eventually(server, "2 of 1000 sessions open"));
  ClientSocket next(server.port());
  expect_session(next);
}

TEST(MaxPerHost, CountsAnIpv6NetworkAsOne) {
  ServerProcess server({"--max-per-host", "1"});
  ClientSocket six(server.port(), AF_INET6);
  if (!six.connected()) GTEST_SKIP() << "this machine has no IPv6";
  expect_session(six);
  ClientSocket again(server.port(), AF_INET6);
  EXPECT_TRUE(again.is_reset());
  EXPECT_NE(server.status().find("1 at their host's limit"), std::string::npos);
  EXPECT_NE(server.process().errors().find("is refused: its /64 has as many sessions open"),
            std::string::npos);
  ClientSocket four(server.port());
  expect_session(four);
}

// A place comes back however the session ends: rivals leak one at each failure, until they refuse everybody.
TEST(MaxPerHost, PlacesComeBackHoweverSessionsEnd) {
  const TextFile file("");
  ServerProcess server({"--max-per-host", "1", "--config", file.path()});
  const std::vector<void (*)(ClientSocket&, pid_t)> ends{
      [](ClientSocket& client, pid_t) { client.close(); },
      [](ClientSocket& client, pid_t) { client.reset(); },
      [](ClientSocket&, pid_t child) { ::kill(child, SIGKILL); },
      [](ClientSocket&, pid_t child) { ::kill(child, SIGTERM); },
      [](ClientSocket&, pid_t) {},  // by the idle time-out
  };
  for (const auto end : ends) {
    if (end == ends.back()) {
      file.write("idle-timeout = 300ms\n");
      server.process().signal(SIGHUP);
      ASSERT_TRUE(server.process().read_errors_until([](const std::string& text) {
        return text.find("idle-timeout 5m -> 300ms") != std::string::npos;
      }));
      ClientSocket silent(server.port());
      EXPECT_EQ(silent.receive_all(), "");
      ASSERT_TRUE(starts_eventually(server, "0 of 1000 sessions open")) << server.last_line();
      continue;
    }
    ClientSocket client(server.port());
    expect_session(client);
    end(client, children_of(server.pid()).at(0).pid);
    ASSERT_TRUE(starts_eventually(server, "0 of 1000 sessions open")) << server.last_line();
  }
  EXPECT_NE(server.status().find(
                "5 accepted, 0 refused, ended: 1 client closed, 1 reset, 1 idle time-out, 2 killed;"),
            std::string::npos)
      << server.last_line();
}

TEST(MaxPerHost, ChangesWithAReloadAndKnowsWhoIsThereAlready) {
  const TextFile file("max-connections = 4\n");
  ServerProcess server({"--config", file.path()});
  std::vector<ClientSocket> sessions;
  for (int i = 0; i < 3; ++i) expect_session(sessions.emplace_back(server.port()));
  file.write("max-per-host = 3\nmax-connections = 5000\noverload = refuse\n");
  server.process().signal(SIGHUP);
  ASSERT_TRUE(server.process().read_errors_until([](const std::string& text) {
    return text.find(
               "now in force: max-connections 4 -> 5000, max-per-host 0 -> 3, overload queue -> refuse\n") !=
           std::string::npos;
  })) << server.process().errors();
  ClientSocket fourth(server.port());
  EXPECT_TRUE(fourth.is_reset());
  sessions.pop_back();
  ASSERT_TRUE(starts_eventually(server, "2 of 5000 sessions open"));
  ClientSocket next(server.port());
  expect_session(next);
}

TEST(MaxPerHost, HoldsForMoreHostsThanThereWerePlacesAtTheStart) {
  constexpr int hosts = 250;
  const TextFile file("max-connections = 1\nmax-per-host = 1\n");
  ServerProcess server({"--config", file.path(), "--drain-timeout", "0"});
  file.write("max-connections = 1000\nmax-per-host = 1\n");
  server.process().signal(SIGHUP);
  ASSERT_TRUE(server.process().read_errors_until([](const std::string& text) {
    return text.find("now in force: max-connections") != std::string::npos;
  }));
  std::vector<ClientSocket> sessions;
  for (int i = 1; i <= hosts; ++i) {
    const auto source = "127.0.1." + std::to_string(i);
    sessions.push_back(ClientSocket::from(source.c_str(), server.port()));
    expect_session(sessions.back());
    auto second = ClientSocket::from(source.c_str(), server.port());
    ASSERT_TRUE(second.is_reset()) << source;
  }
  EXPECT_TRUE(server.status().starts_with("250 of 1000 sessions open, 500 accepted, 250 refused"))
      << server.last_line();
  sessions.clear();
  EXPECT_TRUE(starts_eventually(server, "0 of 1000 sessions open"));
}

TEST(Overload, RefuseResetsAtTheLimitAtOnceAndServesWhenAPlaceIsFree) {
  ServerProcess server({"--max-connections", "2", "--overload", "refuse"});
  std::vector<ClientSocket> sessions;
  for (int i = 0; i < 2; ++i) expect_session(sessions.emplace_back(server.port()));
  for (int i = 0; i < 100; ++i) {
    ClientSocket refused(server.port());
    EXPECT_TRUE(refused.is_reset()) << i;
  }
  EXPECT_TRUE(server.status().starts_with(
      "2 of 2 sessions open, 102 accepted, 100 refused (100 at the limit), ended: none;"))
      << server.last_line();
  EXPECT_EQ(occurrences(server.process().errors(),
                        "2 of 2 sessions open, as --max-connections allows: further clients are reset\n"),
            1U);
  sessions.pop_back();
  ASSERT_TRUE(starts_eventually(server, "1 of 2 sessions open"));
  ClientSocket next(server.port());
  expect_session(next);
}

TEST(Overload, QueueUsesNoProcessorAtTheLimit) {
  ServerProcess server({"--max-connections", "2", "--bind", "127.0.0.1"});
  std::vector<ClientSocket> sessions;
  for (int i = 0; i < 2; ++i) expect_session(sessions.emplace_back(server.port()));
  std::vector<ClientSocket> waiting;
  for (int i = 0; i < 50; ++i) waiting.emplace_back(server.port());
  EXPECT_LE(processor_share_of(server, [] {}), 0.05);
  sessions.clear();
  for (auto& client : waiting) {
    EXPECT_EQ(echo_through(client, "turn"), "turn");
    client.close();
  }
}

// As many silent clients as there are places lock the others out for the idle time-out, and no longer.
TEST(Overload, SilentClientsLockOthersOutForTheIdleTimeOutAlone) {
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess server({"--max-connections", "3", "--idle-timeout", "1s", "--mode", mode});
    std::vector<ClientSocket> silent;
    for (int i = 0; i < 3; ++i) silent.emplace_back(server.port());
    ClientSocket client(server.port());
    EXPECT_EQ(echo_through(client, "at last"), "at last") << mode;
    EXPECT_TRUE(eventually([&] { return server.status().find(" idle time-out") != std::string::npos; }));
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
  for (int i = 0; i < 50; ++i) {
    ClientSocket client(server.port());
    EXPECT_TRUE(client.is_reset()) << i;
  }
  EXPECT_NE(
      server.status().find("50 accepted, 50 refused (50 for want of a descriptor), ended: none; 0 failed "
                           "forks, 50 accept errors;"),
      std::string::npos)
      << server.last_line();
  EXPECT_NE(server.process().errors().find("cannot accept: Too many open files; clients are reset meanwhile"),
            std::string::npos);
  EXPECT_EQ(descriptors_of(server.pid()), descriptors) << "the reserve is back";
  EXPECT_EQ(server.process().errors().find("wait in the listen queue"), std::string::npos)
      << "it is back before the next client";
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 1000));
  ClientSocket client(server.port());
  expect_session(client);
}

// Not even the reserve can be opened again: then they wait, and the server rests.
TEST(Shortage, OfDescriptorsThatTakesTheReserveTooIsWaitedOut) {
  ServerProcess server({"--bind", "127.0.0.1", "--overload", "refuse"});
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 4));
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("patient"));
  EXPECT_LE(processor_share_of(server, [] {}), 0.05);
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 1000));
  EXPECT_EQ(client.receive(7), "patient");
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, descriptors_at_rest(server)));
  ClientSocket next(server.port());
  EXPECT_TRUE(next.is_reset()) << "the reserve is there again";
}

TEST(Shortage, OfDescriptorsUsesNoProcessor) {
  ServerProcess server({"--bind", "127.0.0.1"});
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 4));
  std::vector<ClientSocket> clients;
  const auto begin = Clock::now();
  EXPECT_LE(processor_share_of(server, [&] { clients.emplace_back(server.port()); }), 0.05)
      << "rivals are at 1.00";
  const std::chrono::duration<double> elapsed = Clock::now() - begin;
  EXPECT_LE(static_cast<double>(occurrences(server.process().errors(), "cannot accept: ")),
            elapsed.count() + 2)
      << "one line a second";
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 1000));
  for (auto& client : clients) EXPECT_EQ(echo_through(client, "x"), "x");
}

}  // namespace
