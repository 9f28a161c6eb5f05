#include "harness/server_process.hpp"
#include "harness/terminal.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

// A terminal breaks a line that is longer than its width in the middle of a word. No program prints one.
namespace {

using namespace harness;

// The lines of a terminal's output that are longer than `columns`, each with its length. A carriage return
// begins a line; control sequences take no columns (ECMA-48), and neither do continuation bytes (UTF-8).
std::string find_long_lines(const std::string& shown, std::size_t columns) {
  std::string found;
  std::string line;
  for (std::size_t at = 0; at < shown.size(); ++at) {
    const char byte = shown[at];
    if (byte == '\x1b') {
      at = shown.find_first_of("ABCDEFGHJKXhlm", at);
      if (at == std::string::npos) break;
    } else if (byte == '\r' || byte == '\n') {
      if (line.size() > columns) found += std::to_string(line.size()) + ": " + line + '\n';
      line.clear();
    } else if (byte == '\t') {
      line.append(8 - line.size() % 8, ' ');
    } else if ((byte & 0xc0) != 0x80) {
      line += byte;
    }
  }
  return found;
}

struct Row {
  const char* name;
  std::vector<std::string> command;  // PORT stands for the port of an idle server
  int ending = 0;
  std::size_t longest_without_terminal = 0;  // a line must be longer than this if nothing wraps it
};

std::ostream& operator<<(std::ostream& stream, const Row& row) {
  return stream << row.name;
}

const Row rows[] = {
    {"ServerHelp", {TCPSERVER_PROGRAM, "--help"}},
    {"ServerShortHelp", {TCPSERVER_PROGRAM, "-h"}},
    {"ServerVersion", {TCPSERVER_PROGRAM, "--version"}},
    {"ServerStatus", {TCPSERVER_PROGRAM, "--status", "--port", "PORT"}},
    {"ServerTest", {TCPSERVER_PROGRAM, "--test"}},
    {"ClientHelp", {TCPCLIENT_PROGRAM, "--help"}},
    {"ClientShortHelp", {TCPCLIENT_PROGRAM, "-h"}},
    {"BacklogHelp", {TCPBACKLOG_PROGRAM, "--help"}},
    {"BacklogShortHelp", {TCPBACKLOG_PROGRAM, "-h"}},
    {"LoadHelp", {TCPLOAD_PROGRAM, "--help"}},
    {"LoadShortHelp", {TCPLOAD_PROGRAM, "-h"}},
    {"BacklogSize",
     {TCPBACKLOG_PROGRAM, "size", "--rate", "1000", "--burst", "9000", "--accept-time", "800us"}},
    {"BacklogProbe", {TCPBACKLOG_PROGRAM, "probe"}},
    {"BacklogWatch", {TCPBACKLOG_PROGRAM, "watch", "PORT", "--interval", "50ms", "--count", "2"}},
    {"Load", {TCPLOAD_PROGRAM, "127.0.0.1", "PORT", "--connections", "20"}},
    {"LoadHeld",
     {TCPLOAD_PROGRAM, "127.0.0.1", "PORT", "--hold", "100ms", "--concurrency", "9", "--timeout", "300ms"},
     75},
    {"Clients", {TCPCLIENT_PROGRAM, "127.0.0.1", "PORT", "--clients", "3", "--delay", "300ms"}},
    {"ServerAddressInUse", {TCPSERVER_PROGRAM, "--port", "PORT"}, 69, 80},
    {"ServerBadUse", {TCPSERVER_PROGRAM, "--no-such-option"}, 64},
    {"LoadNoServer", {TCPLOAD_PROGRAM, "127.0.0.1", "1", "--connections", "3"}, 69},
    {"ClientNoServer", {TCPCLIENT_PROGRAM, "127.0.0.1", "1", "--message", "x"}, 69},
};

class TerminalWidth : public ::testing::TestWithParam<std::tuple<unsigned short, Row>> {};

TEST_P(TerminalWidth, BreaksNoWord) {
  const auto& [columns, row] = GetParam();
  ServerProcess server({"--max-connections", "5", "--drain-timeout", "0s"});
  auto command = row.command;
  std::replace(command.begin(), command.end(), std::string("PORT"), std::to_string(server.port()));
  Terminal terminal(command, {columns, 24});
  terminal.read_all();
  EXPECT_EQ(terminal.process().wait(), row.ending) << terminal.shown();
  EXPECT_EQ(find_long_lines(terminal.shown(), columns), "");
  if (row.longest_without_terminal > 0) {
    const auto plain = run(command);
    EXPECT_NE(find_long_lines(plain.output + plain.errors, row.longest_without_terminal), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Terminals, TerminalWidth,
                         ::testing::Combine(::testing::Values<unsigned short>(80, 120),
                                            ::testing::ValuesIn(rows)),
                         [](const auto& tested) {
                           return std::get<1>(tested.param).name + std::to_string(std::get<0>(tested.param));
                         });

class ServerTerminalWidth : public ::testing::TestWithParam<unsigned short> {};

TEST_P(ServerTerminalWidth, BreaksNoWordFromStartToStop) {
  Terminal terminal({TCPSERVER_PROGRAM, "--port", "0", "-v", "--max-connections", "1"}, {GetParam(), 24});
  ASSERT_TRUE(terminal.shows("listening on port ")) << terminal.shown();
  const auto at = terminal.shown().find("listening on port ") + sizeof "listening on port";
  const auto port = static_cast<std::uint16_t>(std::stoi(terminal.shown().substr(at)));
  ClientSocket client(port);
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
  terminal.process().signal(SIGUSR1);
  ASSERT_TRUE(terminal.shows("1 accepted")) << terminal.shown();
  terminal.type("\x03");  // shown as ^C
  ASSERT_TRUE(terminal.shows("stopping")) << terminal.shown();
  client.close();
  terminal.read_all();
  EXPECT_EQ(terminal.process().wait(), 0);
  EXPECT_EQ(find_long_lines(terminal.shown(), GetParam()), "");
}

INSTANTIATE_TEST_SUITE_P(Terminals, ServerTerminalWidth, ::testing::Values<unsigned short>(80, 120));

}  // namespace
