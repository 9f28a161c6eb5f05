#include "tcpserver/base/unique_fd.hpp"

#include "harness/json.hpp"
#include "harness/own_server.hpp"
#include "harness/server_process.hpp"
#include "harness/strace.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>

namespace {

using namespace harness;
using tcpserver::base::UniqueFd;

// A connection as inetd passes it, and the client at its other end.
struct Connection {
  Connection() : client(static_cast<std::uint16_t>(std::stoi(listener.port()))), fd(listener.accept()) {}
  OwnListener listener;
  ClientSocket client;
  UniqueFd fd;
};

SpawnOptions standard_streams(int fd) {
  return {.input_fd = fd, .output_fd = fd, .errors_fd = fd};
}

TEST(Inetd, NowaitConnectionGetsNoByte) {
  const std::vector<std::vector<std::string>> invocations{{},
                                                          {"--daemonize"},
                                                          {"--no-such-option"},
                                                          {"--log-format", "json"},
                                                          {"--log-format", "json", "--port", "x"}};
  for (const auto& options : invocations) {
    Connection connection;
    EXPECT_EQ(run(command_line({}, options), standard_streams(connection.fd.get())).ending, 64);
    connection.fd.reset();
    EXPECT_EQ(connection.client.receive_all(), "") << ::testing::PrintToString(options);
  }
}

TEST(Inetd, ReasonGoesToStandardErrorIfThatIsNoConnection) {
  Connection connection;
  const auto result =
      run({TCPSERVER_PROGRAM}, {.input_fd = connection.fd.get(), .output_fd = connection.fd.get()});
  EXPECT_TRUE(fails(result, 64, "nowait"));
  const auto json = run({TCPSERVER_PROGRAM, "--log-format", "json"}, {.input_fd = connection.fd.get()});
  EXPECT_EQ(Json(json.errors).values("level event"), "error start_error");
  connection.fd.reset();
  EXPECT_EQ(connection.client.receive_all(), "");
}

using InetdTraced = Injection;

TEST_F(InetdTraced, ReasonGoesToTheSystemLogOtherwise) {
  Connection connection;
  const auto wrapper = tracing("sendto,connect,write", {"-s", "200"});
  auto options = standard_streams(connection.fd.get());
  options.environment = without_leak_check().environment;
  EXPECT_EQ(run(command_line(wrapper, {}), options).ending, 64);
  EXPECT_TRUE(contains(trace(), "<27>tcpserver["));
  EXPECT_TRUE(contains(trace(), "nowait"));
  EXPECT_TRUE(contains(trace(), "/dev/log"));
}

TEST(Inetd, RecognizesOtherConnections) {
  Connection gone;
  const UniqueFd datagram(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const UniqueFd unconnected(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  gone.client.reset();
  for (const int fd : {gone.fd.get(), datagram.get(), unconnected.get()}) {
    EXPECT_EQ(run({TCPSERVER_PROGRAM, "--port", "0"}, {.input_fd = fd}).ending, 64) << fd;
  }
}

// Such as a page with the status.
TEST(Inetd, ConnectionMayGetTheOutputOfACommand) {
  Connection connection;
  EXPECT_EQ(run({TCPSERVER_PROGRAM, "--version"}, standard_streams(connection.fd.get())).ending, 0);
  connection.fd.reset();
  EXPECT_TRUE(connection.client.receive_all().starts_with("tcpserver "));
}

TEST(Inetd, AcceptsOtherSockets) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const UniqueFd one(pair[0]);
  const UniqueFd other(pair[1]);
  const OwnListener listener;
  for (const int fd : {one.get(), listener.fd()}) {
    Process server({TCPSERVER_PROGRAM, "--port", "0"}, {.input_fd = fd});
    EXPECT_TRUE(server.reads_line()) << fd;
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait(), 0) << fd;
  }
  const sockaddr_un autobind{.sun_family = AF_UNIX, .sun_path = {}};  // unix(7)
  ASSERT_EQ(::bind(one.get(), reinterpret_cast<const sockaddr*>(&autobind), sizeof(sa_family_t)), 0);
  EXPECT_EQ(run({TCPSERVER_PROGRAM, "--port", "0"}, {.input_fd = one.get()}).ending, 64) << "it has a name";
}

}  // namespace
