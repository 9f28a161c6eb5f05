#include "harness/process.hpp"
#include "harness/server_process.hpp"
#include "harness/temporary_directory.hpp"
#include "harness/text.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

// Linux lets an interface have nearly any byte in its name, and addresses are shown with it.
namespace {

using namespace harness;

// The interface of a network namespace, named with ESC and a byte that is no UTF-8, has a link-local address.
// The kernel adds the route to a new address later, in a work queue.
const std::string script =
    "name=$(printf 'e\\033\\377') && ip link set lo name \"$name\" && ip link set \"$name\" up && ip address "
    "add fe80::1/64 dev \"$name\" nodad && for try in $(seq 1000); do [ -n \"$(ip -6 route show table local "
    "fe80::1)\" ] && break; sleep 0.01; done && exec \"$0\" \"$@\"";
const std::vector<std::string> in_namespace{"unshare", "--net", "/bin/sh", "-c", script};

// The loopback interface has this index in every network namespace.
const std::string host = "fe80::1%1";

void expect_printable(const std::string& text, const std::string& where) {
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; });
  EXPECT_TRUE(printable) << where << ": " << text;
  EXPECT_TRUE(contains(text, "[" + host + "]:")) << where << ": " << text;
}

class InterfaceName : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can make a network namespace";
    if (find_command("ip").empty()) GTEST_SKIP() << "ip is not installed";
    auto command = in_namespace;
    command.emplace_back("true");
    const auto made = run(command);
    if (made.ending != 0) GTEST_SKIP() << "no such interface can be made here: " << made.errors;
  }
  // Runs a program in the network namespace of the server.
  static std::vector<std::string> beside(const ServerProcess& server, std::vector<std::string> command) {
    const auto network = "--net=/proc/" + std::to_string(server.pid()) + "/ns/net";
    command.insert(command.begin(), {"nsenter", network});
    return command;
  }
};

TEST_F(InterfaceName, IsReplacedByTheIndexIfUnsafe) {
  const TemporaryDirectory directory;
  const auto metrics = directory.path() + "/tcpserver.prom";
  ServerProcess server({"-v", "--bind", host, "--metrics-file", metrics}, {}, in_namespace);
  const auto port = std::to_string(server.port());
  std::array<int, 2> input{};
  ASSERT_EQ(::pipe2(input.data(), O_CLOEXEC), 0);
  Process client(beside(server, {TCPCLIENT_PROGRAM, host, port}), {.input_fd = input[0]});
  ::close(input[0]);
  ASSERT_EQ(::write(input[1], "x", 1), 1);
  ASSERT_TRUE(client.read_output_until([](const std::string& text) { return text == "x"; }))
      << client.errors() << server.log();

  for (const auto& command : std::vector<std::vector<std::string>>{
           {TCPSERVER_PROGRAM, "--status", "--port", port},
           {TCPSERVER_PROGRAM, "--status", "--port", port, "--log-format", "json"},
           {TCPBACKLOG_PROGRAM, "watch", port, "--count", "1"},
           {TCPBACKLOG_PROGRAM, "watch", port, "--count", "1", "--json"},
           {TCPLOAD_PROGRAM, "--connections", "1", host, port},
           {TCPLOAD_PROGRAM, "--connections", "1", host, port, "--json"},
       }) {
    const auto result = run(beside(server, command));
    EXPECT_EQ(result.ending, 0) << result.errors;
    expect_printable(result.output + result.errors, command[0] + " " + command[1]);
  }
  server.status();
  expect_printable(read_text(metrics), "metrics");
  ::close(input[1]);
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(server.stop(), 0);
  expect_printable(server.log(), "log");
}

}  // namespace
