#include "server/daemon/session_table.hpp"

#include "harness/json.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using namespace std::chrono_literals;

SocketAddress address(const char* host, std::uint16_t port) {
  return SocketAddress::parse(host, port).value();
}

// From the kernel's net/tcp_states.h.
constexpr unsigned established = 1;
constexpr unsigned close_wait = 8;

TEST(AgeText, HasAtMostTwoUnits) {
  std::string texts;
  for (const Duration age :
       {Duration(0s), Duration(999'999us), Duration(1s), Duration(59'999ms), Duration(60s), Duration(185s),
        1h - 1ns, 2h + 10min + 59s + 0ns, 24h - 1ns, Duration(99h)}) {
    texts += age_text(age) + ", ";
  }
  EXPECT_EQ(texts, "0ms, 999ms, 1s, 59s, 1m00s, 3m05s, 59m59s, 2h10m, 23h59m, 4d03h, ");
}

SessionSnapshot session(pid_t pid, std::optional<Duration> age) {
  tcpserver::kernel::TcpSocket connection;
  connection.peer = address("192.0.2.7", 40112);
  connection.local = address("192.0.2.1", 54321);
  connection.state = established;
  connection.received = 1234;
  connection.written = 56789;
  connection.send_queue = 12;
  return {.pid = pid, .age = age, .connection = connection, .zombie = false};
}

ServerSnapshot server() {
  ServerSnapshot snapshot;
  snapshot.pid = 4711;
  snapshot.age = 2h + 10min;
  snapshot.started = std::chrono::sys_days{std::chrono::year(2026) / 11 / 27} + 5h + 20min + 11s + 999ms;
  snapshot.listeners.resize(2);
  snapshot.listeners[0].local = address("0.0.0.0", 54321);
  snapshot.listeners[0].receive_queue = 2;
  snapshot.listeners[0].send_queue = 4096;
  snapshot.listeners[1].local = address("::", 54321);
  snapshot.listeners[1].send_queue = 128;
  snapshot.sessions = {session(4712, 3min + 5s), session(104713, 850ms)};
  snapshot.sessions[1].connection->peer = address("2001:db8::7", 9);
  snapshot.sessions[1].connection->state = close_wait;
  snapshot.sessions[1].connection->received.reset();
  snapshot.sessions.push_back({.pid = 5, .age = 12s, .connection = std::nullopt, .zombie = true});
  snapshot.sessions.push_back({.pid = 6, .age = std::nullopt, .connection = std::nullopt, .zombie = false});
  return snapshot;
}

TEST(SessionTable, ShowsAServerAndItsSessions) {
  EXPECT_EQ(session_tables({server()}, 79),
            "tcpserver, pid 4711: serving, 3 sessions, 1 zombie\n"
            "up 2h10m, since 2026-11-27T05:20:11Z\n"
            "listening on 0.0.0.0:54321, queue 2 of 4096\n"
            "listening on [::]:54321, queue 0 of 128\n"
            "   PID  PEER               AGE    IN    OUT  SEND-Q  STATE\n"
            "  4712  192.0.2.7:40112  3m05s  1234  56789      12  ESTABLISHED\n"
            "104713  [2001:db8::7]:9  850ms     -  56789      12  CLOSE-WAIT\n"
            "     5  -                  12s     -      -       -  zombie\n"
            "     6  -                    -     -      -       -  ending\n");
}

TEST(SessionTable, Fits80Columns) {
  auto snapshot = server();
  snapshot.sessions = {session(4'194'303, 25min), session(7, 1s)};
  for (auto& one : snapshot.sessions) one.connection->received = one.connection->written = 9'999'999;
  snapshot.sessions[0].connection->peer = address("192.168.178.240", 54321);
  snapshot.sessions[1].connection->peer = address("2001:db8:1234:5678:9abc:def0:1234:5678", 54321);
  const auto lines = harness::split_lines(session_tables({snapshot}, 79));
  for (const auto& line : lines) EXPECT_LE(line.size(), 79U) << line;
  EXPECT_EQ(lines.at(6), "      7  [2001:db8:1234:5678:9abc:def0:1234:5678]:54321");
  EXPECT_EQ(lines.at(7), std::string(30, ' ') + "      1s  9999999  9999999      12  ESTABLISHED");
  EXPECT_EQ(harness::split_lines(session_tables({snapshot}, SIZE_MAX)).size(), 7U) << "a row is a line";
}

TEST(SessionTable, ShowsLocalAddressesOfSeveralListenersIfTheyFit) {
  auto snapshot = server();
  snapshot.listeners[0].local = address("192.0.2.1", 54321);
  snapshot.listeners[1].local = address("2001:db8::1", 54321);
  snapshot.sessions.resize(1);
  const auto rows = harness::split_lines(session_tables({snapshot}, 79));
  EXPECT_EQ(rows.at(4), " PID  PEER             LOCAL              AGE    IN    OUT  SEND-Q  STATE");
  EXPECT_EQ(rows.at(5), "4712  192.0.2.7:40112  192.0.2.1:54321  3m05s  1234  56789      12  ESTABLISHED");
  EXPECT_FALSE(harness::contains(session_tables({snapshot}, 78), "LOCAL")) << "it does not fit";
  snapshot.listeners[1].local = address("::", 54321);
  EXPECT_FALSE(harness::contains(session_tables({snapshot}, 79), "LOCAL")) << "one address and a wildcard";
}

TEST(SessionTable, ShowsAServerWithoutListenersAndSessions) {
  auto snapshot = server();
  snapshot.listeners.clear();
  snapshot.sessions.clear();
  snapshot.state = ServerState::stopping;
  const auto lines = harness::split_lines(session_tables({snapshot, snapshot}, 79));
  ASSERT_EQ(lines.size(), 5U) << "an empty line between two servers, and no tables";
  EXPECT_EQ(lines[0], "tcpserver, pid 4711: stopping, 0 sessions");
  EXPECT_EQ(lines[2], "");
}

TEST(SessionTable, IsSortedByAge) {
  std::vector<SessionSnapshot> sessions{session(1, 1s), session(2, std::nullopt), session(4, 3s),
                                        session(3, 3s), session(5, 2s)};
  sort_by_age(sessions);
  std::string pids;
  for (const auto& one : sessions) pids += std::to_string(one.pid);
  EXPECT_EQ(pids, "34512");
}

TEST(SessionTable, HasJson) {
  const harness::Json json(session_tables_json({server()}));
  EXPECT_EQ(json.values("servers.*.pid servers.*.state servers.*.started servers.*.age_s"),
            "4711 serving 2026-11-27T05:20:11Z 7800.00");
  EXPECT_EQ(json.values("servers.0.listeners.1"), "{local: [::]:54321, queue: 0, limit: 128}");
  EXPECT_EQ(json.values("servers.0.sessions.1"),
            "{pid: 104713, age_s: 0.85, state: CLOSE-WAIT, peer: [2001:db8::7]:9, local: 192.0.2.1:54321, "
            "bytes_in: null, bytes_out: 56789, receive_queue: 0, send_queue: 12}");
  EXPECT_EQ(json.values("servers.0.sessions.3"),
            "{pid: 6, age_s: null, state: ending, peer: null, local: null, bytes_in: null, bytes_out: null, "
            "receive_queue: null, send_queue: null}");
}

}  // namespace
