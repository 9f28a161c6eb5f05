#include "harness/listen_queue.hpp"

#include "tcpserver/backlog/socket_facts.hpp"

#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text_file.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;
namespace backlog = tcpserver::backlog;

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
  EXPECT_GE(backlog::sent_again(outside.fd()).value_or(0), 1U);
}

// More clients than a full server with a short queue has room for, until the server has warned.
class Overflow : public ListenQueue {
 protected:
  void overflow(ServerProcess& server, std::vector<std::unique_ptr<PendingClient>>& clients) {
    for (int i = 0; i < 12; ++i) clients.push_back(std::make_unique<PendingClient>(server.port()));
    EXPECT_TRUE(server.process().read_errors_until(
        [](const std::string& text) { return text.find("overflowed: ") != std::string::npos; }));
  }
};

TEST_F(Overflow, IsWarnedOfOnceWithTheNumberTheLimitAndTheAdvice) {
  ServerProcess server({"--bind", "127.0.0.1", "--backlog", "2", "--max-connections", "1"});
  std::vector<std::unique_ptr<PendingClient>> clients;
  overflow(server, clients);
  const std::string start =
      "tcpserver: the listen queue of 127.0.0.1:" + std::to_string(server.port()) + " overflowed: ";
  const std::string text = server.process().errors();
  const auto at = text.find(start);
  ASSERT_NE(at, std::string::npos) << text;
  EXPECT_GE(std::stoi(text.substr(at + start.size())), 1);
  EXPECT_NE(
      text.find("its limit is 2: all 1 places are taken, so nobody is accepted: raise --max-connections\n",
                at),
      std::string::npos)
      << text;

  // The clients' SYNs come again and again: further drops, no further warning.
  const auto dropped = [&server] {
    const auto line = server.status();
    const auto end = line.find(" SYNs dropped");
    return end == std::string::npos ? -1 : std::stoi(line.substr(line.rfind(' ', end - 1)));
  };
  const int first = dropped();
  EXPECT_GE(first, 1);
  EXPECT_TRUE(eventually([&] { return dropped() > first + 8; })) << server.last_line();
  std::this_thread::sleep_for(1500ms);  // a look of the server's falls into it
  EXPECT_EQ(lines_with(server.process().errors(), "overflowed: "), 1U) << server.process().errors();
  EXPECT_NE(server.status().find("; queue 3 of 2 on 127.0.0.1:"), std::string::npos) << server.last_line();
}

TEST_F(Overflow, OfTheIterativeServerIsNoticedInTheMiddleOfASession) {
  ServerProcess server({"--bind", "127.0.0.1", "--backlog", "1", "--mode", "iterative"});
  std::vector<std::unique_ptr<PendingClient>> clients;
  overflow(server, clients);
  EXPECT_NE(server.process().errors().find("--mode fork takes them as they come"), std::string::npos);
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
  std::this_thread::sleep_for(3s);
  EXPECT_LE(switches() - full_before, 10) << "it looks once a second while it accepts nobody";
  client.close();
  EXPECT_TRUE(eventually([&] {  // when the session's end is settled and the last look taken
    const long before = switches();
    std::this_thread::sleep_for(2500ms);
    return switches() == before;
  })) << "an idle server sleeps";
}

}  // namespace
