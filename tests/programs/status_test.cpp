#include "harness/client_socket.hpp"
#include "harness/figure.hpp"
#include "harness/json.hpp"
#include "harness/own_listener.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

namespace {

using namespace harness;
namespace fs = std::filesystem;

// A line of the table.
struct Row {
  std::string pid, peer, local, age, in, out, send_queue, state;
};

struct Shown {
  Finished finished;
  std::vector<std::string> head;  // the lines above the table
  std::vector<Row> rows;
};

// Ages have blanks in them, and everything else has none.
Row row_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  if (words.size() < 8) return {};
  const auto last = words.end();
  std::string age = words[3];
  for (auto word = words.begin() + 4; word != last - 4; ++word) age += " " + *word;
  return {words[0], words[1], words[2], age, *(last - 4), *(last - 3), *(last - 2), *(last - 1)};
}

Shown shown(const std::vector<std::string>& options, const std::vector<std::string>& wrapper = {}) {
  auto command = wrapper;
  const bool names_program = !command.empty() && command.back().ends_with("/tcpserver");
  if (!names_program) command.emplace_back(TCPSERVER_PROGRAM);
  command.emplace_back("--status");
  command.insert(command.end(), options.begin(), options.end());
  Shown result{run(command), {}, {}};
  bool in_table = false;
  for (const auto& line : lines_of(result.finished.output)) {
    const bool heading = line.find(" PEER ") != std::string::npos;
    if (in_table && !heading) result.rows.push_back(row_of(line));
    if (!in_table && !heading) result.head.push_back(line);
    in_table = in_table || heading;
  }
  return result;
}

Shown shown_on(std::uint16_t port) {
  return shown({"--port", std::to_string(port)});
}

std::string address_of(const ClientSocket& client) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  if (address.ss_family == AF_INET6) {
    return "[::1]:" + std::to_string(ntohs(reinterpret_cast<sockaddr_in6&>(address).sin6_port));
  }
  return "127.0.0.1:" + std::to_string(ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port));
}

// Sends so many bytes, and takes them back.
void echo(ClientSocket& client, std::size_t count) {
  ASSERT_TRUE(client.send(std::string(count, 'x')));
  ASSERT_EQ(client.receive(count).size(), count);
}

const Row* row_with_peer(const Shown& status, const std::string& peer) {
  const auto found =
      std::find_if(status.rows.begin(), status.rows.end(), [&](const Row& row) { return row.peer == peer; });
  return found == status.rows.end() ? nullptr : &*found;
}

class Status : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!TCPSERVER_TEST_LINUX)
      GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: who is connected is not known";
  }
};

TEST_F(Status, ShowsEachClientWithItsBytes) {
  ServerProcess server({"--bind", "127.0.0.1"});
  const auto local = "127.0.0.1:" + std::to_string(server.port());
  std::vector<ClientSocket> clients;
  const std::vector<std::size_t> counts{1, 1000, 300'001};
  for (const auto count : counts) {
    clients.emplace_back(server.port());
    echo(clients.back(), count);
  }
  ClientSocket silent(server.port());
  ASSERT_TRUE(eventually([&] { return children_of(server.pid()).size() == 4; }));
  // What the last read has acknowledged may still be on its way.
  ASSERT_TRUE(eventually([&] {
    const auto now = shown_on(server.port());
    return std::all_of(now.rows.begin(), now.rows.end(),
                       [](const Row& row) { return row.send_queue == "0"; });
  }));
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.finished.ending, 0) << status.finished.errors;
  EXPECT_EQ(status.finished.errors, "");
  ASSERT_EQ(status.head.size(), 2U);
  EXPECT_TRUE(status.head[0].starts_with("tcpserver, pid " + std::to_string(server.pid()) + ", since 20"))
      << status.head[0];
  EXPECT_TRUE(status.head[0].ends_with("): 4 sessions")) << status.head[0];
  EXPECT_EQ(status.head[1], "listens on " + local + " (queue 0 of 4096)");
  ASSERT_EQ(status.rows.size(), 4U) << status.finished.output;

  std::set<std::string> pids;
  for (const auto& child : children_of(server.pid())) pids.insert(std::to_string(child.pid));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto* const row = row_with_peer(status, address_of(clients[i]));
    ASSERT_NE(row, nullptr) << status.finished.output;
    EXPECT_EQ(pids.erase(row->pid), 1U);
    EXPECT_EQ(row->local, local);
    EXPECT_EQ(row->in, std::to_string(counts[i]));
    EXPECT_EQ(row->out, std::to_string(counts[i]));
    EXPECT_EQ(row->state, "ESTABLISHED");
  }
  const auto* const row = row_with_peer(status, address_of(silent));
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->in + row->out, "00");
  clients.clear();
  silent.close();
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(server.said_nothing_unusual()) << server.process().errors();
}

TEST_F(Status, HasTheOldestFirst) {
  ServerProcess server;
  ClientSocket old(server.port());
  echo(old, 1);
  const auto begin = Clock::now();
  ASSERT_TRUE(eventually([&] { return Clock::now() - begin >= std::chrono::milliseconds(1100); }));
  ClientSocket young(server.port());
  echo(young, 1);
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 2U) << status.finished.output;
  EXPECT_EQ(status.rows[0].peer, address_of(old));
  EXPECT_EQ(status.rows[1].peer, address_of(young));
  EXPECT_TRUE(status.rows[0].age.ends_with(" s")) << status.rows[0].age;
}

TEST_F(Status, ShowsIpv6) {
  ServerProcess server;
  ClientSocket client(server.port(), AF_INET6);
  if (!client.connected()) GTEST_SKIP() << "this machine has no ::1";
  echo(client, 77);
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.output << status.finished.errors;
  EXPECT_EQ(status.rows[0].peer, address_of(client));
  EXPECT_EQ(status.rows[0].local, "[::1]:" + std::to_string(server.port()));
  EXPECT_EQ(status.rows[0].in, "77");
  EXPECT_NE(status.head.at(1).find("0.0.0.0:" + std::to_string(server.port())), std::string::npos);
  EXPECT_NE(status.head.at(1).find("[::]:" + std::to_string(server.port())), std::string::npos);
}

TEST_F(Status, ShowsTheClientThatAnIterativeServerServes) {
  ServerProcess server({"--mode", "iterative"});
  ClientSocket served(server.port());
  echo(served, 12);
  ClientSocket waiting(server.port());
  ASSERT_TRUE(waiting.send("waiting"));
  ASSERT_TRUE(
      eventually([&] { return shown_on(server.port()).head.at(1).find("queue 1 of") != std::string::npos; }));
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.output << status.finished.errors;
  EXPECT_EQ(status.rows[0].pid, std::to_string(server.pid()));
  EXPECT_EQ(status.rows[0].peer, address_of(served));
  EXPECT_EQ(status.rows[0].age, "-");
  EXPECT_EQ(status.rows[0].in, "12");
  EXPECT_EQ(status.rows[0].out, "12");
}

// A stopped child takes nothing: the state is that of the socket, and a FIN is no byte.
TEST_F(Status, ShowsHalfClosedClients) {
  ServerProcess server;
  ClientSocket client(server.port());
  echo(client, 5);
  const auto children = children_of(server.pid());
  ASSERT_EQ(children.size(), 1U);
  ::kill(children[0].pid, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return children_of(server.pid()).at(0).state == 'T'; }));
  ASSERT_TRUE(client.send("1234567"));
  client.half_close();
  Shown status;
  EXPECT_TRUE(eventually([&] {
    status = shown_on(server.port());
    return status.rows.size() == 1 && status.rows[0].state == "CLOSE-WAIT";
  })) << status.finished.output;
  EXPECT_EQ(status.rows.at(0).in, "12");
  EXPECT_EQ(status.rows.at(0).out, "5");
  ::kill(children[0].pid, SIGCONT);
  EXPECT_EQ(client.receive_all(), "1234567");
}

TEST_F(Status, ShowsWhatAClientDoesNotRead) {
  ServerProcess server;
  ClientSocket client(server.port());
  ASSERT_EQ(::fcntl(client.fd(), F_SETFL, O_NONBLOCK), 0);
  const std::string block(1 << 16, 'x');
  std::size_t sent = 0;
  auto last = Clock::now();
  while (Clock::now() - last < std::chrono::milliseconds(500)) {
    const auto count = ::send(client.fd(), block.data(), block.size(), MSG_NOSIGNAL);
    if (count <= 0) continue;
    sent += static_cast<std::size_t>(count);
    last = Clock::now();
  }
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.errors;
  EXPECT_GT(std::strtoull(status.rows[0].send_queue.c_str(), nullptr, 10), 0U) << status.finished.output;
  const auto in = std::strtoull(status.rows[0].in.c_str(), nullptr, 10);
  const auto out = std::strtoull(status.rows[0].out.c_str(), nullptr, 10);
  EXPECT_LE(in, sent);
  EXPECT_LE(out, in);
  // What waits in the send queue counts; and of a write that is still going on, the server does not know yet.
  EXPECT_GE(out, figure_before(server.status(), " out"));
}

TEST_F(Status, SaysThatNobodyListens) {
  std::string port;
  {
    const OwnListener listener;
    port = listener.port();
  }
  const auto status = shown({"--port", port});
  EXPECT_EQ(status.finished.ending, 69);
  EXPECT_EQ(status.finished.output, "");
  EXPECT_EQ(status.finished.errors, "tcpserver: --status: nobody listens on port " + port + "\n");
}

TEST_F(Status, LooksAtTheAddressesOfBindAlone) {
  ServerProcess one({"--bind", "127.0.0.1"});
  const auto port = std::to_string(one.port());
  ServerProcess other({"--port", port, "--bind", "127.0.0.2"});
  const auto status = shown({"--port", port, "--bind", "127.0.0.2"});
  EXPECT_EQ(status.finished.ending, 0) << status.finished.errors;
  EXPECT_TRUE(status.head.at(0).starts_with("tcpserver, pid " + std::to_string(other.pid()) + ","));
  EXPECT_EQ(occurrences(status.finished.output, "tcpserver, pid "), 1U);
  EXPECT_EQ(shown({"--port", port, "--bind", "127.0.0.3"}).finished.errors,
            "tcpserver: --status: nobody listens on port " + port + " of 127.0.0.3\n");
  const auto both = shown({"--port", port});
  EXPECT_EQ(occurrences(both.finished.output, "tcpserver, pid "), 2U) << both.finished.output;
}

TEST_F(Status, KnowsOtherPrograms) {
  const OwnListener listener;
  const auto status = shown({"--port", listener.port()});
  EXPECT_EQ(status.finished.ending, 69);
  EXPECT_EQ(status.finished.errors, "tcpserver: --status: programs_test (pid " + std::to_string(::getpid()) +
                                        ") listens on port " + listener.port() + ", which is no tcpserver\n");
}

TEST_F(Status, OfPortZeroIsAMistake) {
  const auto status = shown({"--port", "0"});
  EXPECT_EQ(status.finished.ending, 64);
  EXPECT_EQ(status.finished.errors,
            "tcpserver: --status: --port 0 says not which server: give its --port or its --pid-file\n");
}

TEST_F(Status, NeedsStandardOutput) {
  ServerProcess server;
  const auto command = std::string(TCPSERVER_PROGRAM) + " --status --port " + std::to_string(server.port());
  EXPECT_EQ(run({"sh", "-c", command + " >&-"}).ending, 74);
  EXPECT_EQ(run({"sh", "-c", command + " >/dev/full"}).ending, 74);
}

// With a pid file.
class StatusByPidFile : public Status {
 protected:
  StatusByPidFile() {
    char name[] = "/tmp/tcpserver_test.XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    folder_ = name;
    pid_file = (folder_ / "pid").string();
  }
  ~StatusByPidFile() override { fs::remove_all(folder_); }
  std::string pid_file;

 private:
  fs::path folder_;
};

TEST_F(StatusByPidFile, NeedsNoPort) {
  ServerProcess server({"--pid-file", pid_file});
  ServerProcess other;
  ClientSocket client(server.port());
  echo(client, 3);
  for (const char* port : {"0", "1"}) {
    const auto status = shown({"--pid-file", pid_file, "--port", port});
    ASSERT_EQ(status.rows.size(), 1U) << status.finished.output << status.finished.errors;
    EXPECT_EQ(status.rows[0].peer, address_of(client));
    EXPECT_NE(status.head.at(1).find(":" + std::to_string(server.port()) + " "), std::string::npos);
  }
  EXPECT_TRUE(fs::exists(pid_file)) << "it is the server's, and stays";
}

TEST_F(StatusByPidFile, ShowsAServerThatDrains) {
  ServerProcess server({"--pid-file", pid_file, "--drain-timeout", "60s"});
  ClientSocket client(server.port());
  echo(client, 3);
  server.process().signal(SIGTERM);
  Shown status;
  EXPECT_TRUE(eventually([&] {
    status = shown({"--pid-file", pid_file});
    return status.head.size() == 2 && status.head[1] == "does not listen: it is starting, or stopping";
  })) << status.finished.output;
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.output;
  EXPECT_EQ(status.rows[0].peer, address_of(client));
  EXPECT_EQ(status.rows[0].in, "3");
  client.close();
  EXPECT_EQ(server.process().wait(), 0);
}

TEST_F(StatusByPidFile, OfNoServer) {
  const std::string missing = "tcpserver: --status: no server runs with --pid-file " + pid_file + "\n";
  auto status = shown({"--pid-file", pid_file});
  EXPECT_EQ(status.finished.ending, 69);
  EXPECT_EQ(status.finished.errors, missing);
  EXPECT_FALSE(fs::exists(pid_file)) << "looking makes none";
  std::ofstream(pid_file) << ::getpid() << "\n";
  status = shown({"--pid-file", pid_file});
  EXPECT_EQ(status.finished.ending, 69);
  EXPECT_EQ(status.finished.errors, missing) << "the lock counts, not the number";
}

TEST_F(StatusByPidFile, IsSeenByWhoMayReadItAlone) {
  if (::geteuid() != 0 || find_command("setpriv").empty()) GTEST_SKIP() << "needs root and setpriv";
  const PublicCopy program(TCPSERVER_PROGRAM);
  fs::permissions(fs::path(pid_file).parent_path(), fs::perms(0755));
  ServerProcess server({"--pid-file", pid_file});
  const auto status = shown({"--pid-file", pid_file},
                            {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program.path()});
  EXPECT_EQ(status.finished.ending, 77);
  EXPECT_EQ(lines_of(status.finished.errors).size(), 1U) << status.finished.errors;
}

TEST_F(Status, OfAnotherUsersServerTakesRights) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  if (find_command("setpriv").empty()) GTEST_SKIP() << "setpriv is not installed";
  const PublicCopy program(TCPSERVER_PROGRAM);
  const std::vector<std::string> as_nobody{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                           program.path()};
  ServerProcess of_root;
  const auto port = std::to_string(of_root.port());
  const auto refused = shown({"--port", port}, as_nobody);
  EXPECT_EQ(refused.finished.ending, 77);
  EXPECT_EQ(refused.finished.output, "");
  EXPECT_EQ(refused.finished.errors, "tcpserver: --status: no right to see who listens on port " + port +
                                         ": run it as root, or as the user who started that server\n");

  ServerProcess of_nobody({}, {}, as_nobody);
  ClientSocket client(of_nobody.port());
  echo(client, 9);
  for (const auto& wrapper : {std::vector<std::string>{}, as_nobody}) {
    const auto status = shown({"--port", std::to_string(of_nobody.port())}, wrapper);
    ASSERT_EQ(status.rows.size(), 1U) << status.finished.errors;
    EXPECT_EQ(status.rows[0].in, "9");
  }
}

// Such a server has been root, and nobody but root may look at it.
TEST_F(Status, OfAServerThatBecameAUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  ServerProcess server({"--user", "65534:65534"});
  ClientSocket client(server.port());
  echo(client, 9);
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.errors;
  EXPECT_EQ(status.rows[0].in, "9");
}

// As systemd does it: who has made the socket keeps it, and is the server's parent.
TEST_F(Status, FindsTheServerBesideItsServiceManager) {
  const OwnListener listener;
  const int third = ::dup(listener.fd());
  Process server({"sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" 3<&0 0</dev/null", TCPSERVER_PROGRAM},
                 {.input_fd = third});
  ASSERT_TRUE(server.read_output_until([](const std::string& text) { return text.ends_with('\n'); }))
      << server.errors();
  ClientSocket client(static_cast<std::uint16_t>(std::atoi(listener.port().c_str())));
  echo(client, 4);
  const auto status = shown({"--port", listener.port()});
  ::close(third);
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.errors;
  EXPECT_EQ(occurrences(status.finished.output, "tcpserver, pid "), 1U);
  EXPECT_TRUE(status.head.at(0).starts_with("tcpserver, pid " + std::to_string(server.pid()) + ","));
}

TEST_F(Status, OfManySessionsShowsEachOnce) {
  ServerProcess server;
  constexpr std::size_t count = 300;
  std::vector<ClientSocket> clients;
  std::set<std::string> peers;
  for (std::size_t i = 0; i < count; ++i) {
    clients.emplace_back(server.port());
    echo(clients.back(), i + 1);
    peers.insert(address_of(clients.back()) + " " + std::to_string(i + 1));
  }
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), count) << status.finished.errors;
  for (const auto& row : status.rows) EXPECT_EQ(peers.erase(row.peer + " " + row.in), 1U) << row.peer;
  EXPECT_TRUE(peers.empty());
}

// Whatever ends while it looks is no error.
TEST_F(Status, WhileClientsComeAndGo) {
  ServerProcess server;
  Process crowd({TCPLOAD_PROGRAM, "127.0.0.1", std::to_string(server.port()), "--connections", "2000",
                 "--concurrency", "20"});
  int looks = 0;
  while (crowd.running()) {
    const auto status = shown_on(server.port());
    ASSERT_EQ(status.finished.ending, 0) << status.finished.errors;
    EXPECT_LE(status.rows.size(), 200U);
    std::set<std::string> peers;
    for (const auto& row : status.rows) {
      EXPECT_TRUE(row.peer == "-" || peers.insert(row.peer).second) << row.peer;
    }
    ++looks;
  }
  EXPECT_GT(looks, 0);
  EXPECT_EQ(crowd.wait(), 0) << crowd.errors();
}

TEST_F(Status, ShowsZombies) {
  ServerProcess server({"--reap", "none"});
  for (int i = 0; i < 2; ++i) {
    ClientSocket client(server.port());
    ASSERT_EQ(echo_through(client, "gone"), "gone");
  }
  ClientSocket client(server.port());
  echo(client, 1);
  ASSERT_TRUE(eventually([&] { return zombies_of(server.pid()) == 2; }));
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 3U) << status.finished.output << status.finished.errors;
  EXPECT_TRUE(status.head.at(0).ends_with("): 1 session, 2 zombies")) << status.head.at(0);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(status.rows[i].state, "zombie");
    EXPECT_EQ(status.rows[i].peer, "-");
  }
  EXPECT_EQ(status.rows[2].state, "ESTABLISHED");
}

TEST_F(Status, IsJsonForPrograms) {
  ServerProcess server;
  ClientSocket client(server.port());
  echo(client, 21);
  const auto status =
      run({TCPSERVER_PROGRAM, "--status", "--log-format", "json", "--port", std::to_string(server.port())});
  ASSERT_EQ(status.ending, 0) << status.errors;
  EXPECT_EQ(by_python(status.output, "*[len(d['servers']), d['servers'][0]['pid']]"),
            "1 " + std::to_string(server.pid()) + "\n");
  EXPECT_EQ(by_python(status.output, "[s['peer'] for s in d['servers'][0]['sessions']]"),
            "['" + address_of(client) + "']\n");
  EXPECT_EQ(by_python(status.output, "d['servers'][0]['sessions'][0]['bytes_in']"), "21\n");
}

TEST(StatusWithoutLinux, IsNotKnown) {
  if (TCPSERVER_TEST_LINUX) GTEST_SKIP() << "Linux tells";
  const auto status = run({TCPSERVER_PROGRAM, "--status"});
  EXPECT_EQ(status.ending, 69);
  EXPECT_EQ(status.errors, "tcpserver: --status: who is connected is not known here: that takes Linux\n");
}

}  // namespace
