#include "harness/listen_queue.hpp"

#include "tcpserver/kernel/socket_facts.hpp"

#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text_file.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;
namespace kernel = tcpserver::kernel;

// A client whose connect does not wait.
class PendingClient {
 public:
  explicit PendingClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    static_cast<void>(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
  ~PendingClient() { ::close(fd_); }
  PendingClient(const PendingClient&) = delete;
  PendingClient& operator=(const PendingClient&) = delete;

  // Connected or refused within this time.
  [[nodiscard]] bool settled(std::chrono::milliseconds limit) const {
    pollfd polled{.fd = fd_, .events = POLLOUT, .revents = 0};
    return ::poll(&polled, 1, static_cast<int>(limit.count())) == 1;
  }
  [[nodiscard]] int error() const {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

TEST_F(ListenQueue, HasTheBacklogOfFlagVariableFileAndDefault) {
  EXPECT_EQ(limit_of(ServerProcess()), longest_backlog());
  EXPECT_EQ(limit_of(ServerProcess({"--backlog", "7"})), 7U);
  EXPECT_EQ(limit_of(ServerProcess({}, {.environment = {"TCPSERVER_BACKLOG=5"}})), 5U);
  EXPECT_EQ(limit_of(ServerProcess({"--backlog", "7"}, {.environment = {"TCPSERVER_BACKLOG=5"}})), 7U);
  EXPECT_EQ(limit_of(ServerProcess({"--backlog", "99999999999999999999999"})), longest_backlog());
  const TextFile file("backlog = 3\n");
  EXPECT_EQ(limit_of(ServerProcess({"--config", file.path()})), 3U);
  EXPECT_EQ(limit_of(ServerProcess({}, {.environment = {"TCPSERVER_CONFIG=" + file.path()}})), 3U);
  EXPECT_EQ(limit_of(ServerProcess({"--config", file.path()}, {.environment = {"TCPSERVER_BACKLOG=5"}})), 5U);
}

TEST_F(ListenQueue, KeepsWhatIsSentBeforeAccept) {
  ServerProcess server({"--bind", "127.0.0.1"});
  server.process().signal(SIGSTOP);
  std::vector<ClientSocket> clients;
  const auto bytes = varied_bytes(10'000);
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(server.port());
    ASSERT_TRUE(clients.back().connected());
    ASSERT_TRUE(clients.back().send(bytes));
  }
  EXPECT_EQ(queues_of(server).at(0).length, 20U);
  server.process().signal(SIGCONT);
  for (auto& client : clients) EXPECT_EQ(client.receive(bytes.size()), bytes);
  EXPECT_EQ(queues_of(server).at(0).length, 0U);
}

TEST_F(ListenQueue, ThatIsFullDropsSynsInSilenceAndLetsThemInLater) {
  ServerProcess server({"--bind", "127.0.0.1", "--backlog", "2"});
  server.process().signal(SIGSTOP);
  std::vector<ClientSocket> inside;
  for (int i = 0; i < 3; ++i) inside.emplace_back(server.port());
  const PendingClient outside(server.port());
  EXPECT_FALSE(outside.settled(300ms)) << "neither a RST nor a place";
  EXPECT_EQ(queues_of(server).at(0).length, 3U);
  server.process().signal(SIGCONT);
  ASSERT_TRUE(outside.settled(60s));
  EXPECT_EQ(outside.error(), 0);
  ASSERT_EQ(::write(outside.fd(), "x", 1), 1);
  pollfd polled{.fd = outside.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&polled, 1, 60'000), 1) << "it is served";
  EXPECT_GE(kernel::sent_again(outside.fd()).value_or(0), 1U);
}

using PendingClients = std::vector<std::unique_ptr<PendingClient>>;

void connect_more(const ServerProcess& server, PendingClients& clients, int count) {
  for (int i = 0; i < count; ++i) clients.push_back(std::make_unique<PendingClient>(server.port()));
}

class Overflow : public ListenQueue {
 protected:
  static bool is_said(ServerProcess& server, const std::string& part) {
    return server.process().read_errors_until(
        [&part](const std::string& text) { return text.find(part) != std::string::npos; });
  }
  static int dropped(ServerProcess& server) {
    const auto line = server.status();
    const auto end = line.find(" drops at full queues");
    return end == std::string::npos ? -1 : std::stoi(line.substr(line.rfind(' ', end - 1)));
  }
};

TEST_F(Overflow, IsWarnedOfOnceWithTheNumberTheLimitAndTheAdvice) {
  ServerProcess server({"--bind", "127.0.0.1", "--backlog", "2", "--max-connections", "1"});
  ClientSocket served(server.port());
  ASSERT_TRUE(is_said(server, "as --max-connections allows"));
  PendingClients clients;
  connect_more(server, clients, 12);
  ASSERT_TRUE(is_said(server, "overflowed: "))
      << "although nothing wakes the server, which accepts nobody now";
  const std::string start =
      "tcpserver: the listen queue of 127.0.0.1:" + std::to_string(server.port()) + " overflowed: ";
  const std::string text = server.process().errors();
  const auto at = text.find(start);
  ASSERT_NE(at, std::string::npos) << text;
  EXPECT_GE(std::stoi(text.substr(at + start.size())), 1);
  EXPECT_NE(
      text.find("its limit is 2: with all 1 places taken nobody is accepted: raise --max-connections\n", at),
      std::string::npos)
      << text;

  // The clients' SYNs come again and again: further drops, no further warning.
  const int first = dropped(server);
  EXPECT_GE(first, 1);
  EXPECT_TRUE(eventually([&] { return dropped(server) > first + 8; })) << server.last_line();
  std::this_thread::sleep_for(1500ms);  // a look of the server's falls into it
  EXPECT_EQ(lines_with(server.process().errors(), "overflowed: "), 1U) << server.process().errors();
  EXPECT_NE(server.status().find("; queue 3 of 2 on 127.0.0.1:"), std::string::npos) << server.last_line();
}

TEST_F(Overflow, IsNoticedThoughNothingHappensAfterIt) {
  ServerProcess server({"--bind", "127.0.0.1", "--backlog", "1"});
  {
    ClientSocket first(server.port());
    ASSERT_EQ(echo_through(first, "x"), "x");
  }
  server.process().signal(SIGSTOP);
  PendingClients clients;
  connect_more(server, clients, 8);
  clients.clear();  // nobody who would come again
  server.process().signal(SIGCONT);
  EXPECT_TRUE(is_said(server, "overflowed: "));
  EXPECT_NE(server.process().errors().find("raise --backlog"), std::string::npos);
}

TEST_F(Overflow, OfTheLastMomentIsSaidBeforeTheEnd) {
  ServerProcess server(
      {"--bind", "127.0.0.1", "--backlog", "1", "--max-connections", "1", "--drain-timeout", "0"});
  ClientSocket served(server.port());
  ASSERT_TRUE(is_said(server, "as --max-connections allows"));
  PendingClients clients;
  connect_more(server, clients, 4);
  ASSERT_TRUE(is_said(server, "overflowed: "));
  connect_more(server, clients, 4);
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(lines_with(server.process().errors(), "overflowed: "), 2U) << server.process().errors();
  const auto line = server.last_line();
  const auto end = line.find(" drops at full queues");
  ASSERT_NE(end, std::string::npos) << line;
  EXPECT_GE(std::stoi(line.substr(line.rfind(' ', end - 1))), 6) << line;
}

TEST_F(Overflow, OfTheIterativeServerIsNoticedInTheMiddleOfASession) {
  ServerProcess server({"--bind", "127.0.0.1", "--backlog", "1", "--mode", "iterative"});
  PendingClients clients;
  connect_more(server, clients, 12);
  EXPECT_TRUE(is_said(server, "overflowed: "));
  EXPECT_NE(server.process().errors().find("--mode fork takes them as they come"), std::string::npos);
}

// Each look asks the kernel twice a listener: not for each of many connections.
TEST_F(Overflow, CostsAConnectionNoSystemCall) {
  if (TCPSERVER_TEST_SANITIZED)
    GTEST_SKIP() << "strace and the address sanitizer's leak check exclude each other";
  if (find_command("strace").empty()) GTEST_SKIP() << "strace is not installed";
  const TextFile calls;
  ServerProcess server({"--bind", "127.0.0.1"}, {},
                       {"strace", "-D", "-qq", "-o", calls.path(), "-e", "trace=getsockopt,accept4"});
  for (int i = 0; i < 1000; ++i) {
    ClientSocket client(server.port());
    ASSERT_EQ(echo_through(client, "x"), "x");
  }
  EXPECT_EQ(server.stop(), 0);
  std::ifstream file(calls.path());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_GE(lines_with(text, "accept4("), 1000U);
  EXPECT_GE(lines_with(text, "getsockopt("), 1U);
  EXPECT_LE(lines_with(text, "getsockopt("), 250U) << "once a second, however slow the machine is";
}

TEST_F(Overflow, UsesNoProcessorWhileNothingHappens) {
  ServerProcess server({"--bind", "127.0.0.1", "--backlog", "2", "--max-connections", "1"});
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
  const auto switches = [&] { return std::stol(status_of(server.pid(), "voluntary_ctxt_switches")); };
  ASSERT_TRUE(eventually(
      [&] { return server.process().errors().find("as --max-connections allows") != std::string::npos; }));
  const long full_before = switches();
  const auto began = Clock::now();
  std::this_thread::sleep_for(3s);
  const long woken = switches() - full_before;
  const auto elapsed = std::chrono::ceil<std::chrono::seconds>(Clock::now() - began).count();
  EXPECT_LE(woken, 3 * elapsed) << "it looks once a second while it accepts nobody";
  client.close();
  EXPECT_TRUE(eventually([&] {  // when the session's end is settled and the last look taken
    const long before = switches();
    std::this_thread::sleep_for(2500ms);
    return switches() == before;
  })) << "an idle server sleeps";
}

}  // namespace
