#include "tcpserver/kernel/process_table.hpp"

#include "harness/own_server.hpp"
#include "harness/process.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::kernel;

constexpr const char* stat_line =
    "4711 (tcpserver) S 4242 4711 4711 0 -1 1077936448 40 0 0 0 1 2 3 4 20 0 1 0 8675309 2396160 150 "
    "18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

TEST(ProcessStat, IsParsed) {
  const auto facts = parse_process_stat(stat_line);
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->pid, 4711);
  EXPECT_EQ(facts->name, "tcpserver");
  EXPECT_EQ(facts->state, 'S');
  EXPECT_EQ(facts->parent, 4242);
  EXPECT_EQ(facts->started, 8675309U);
}

TEST(ProcessStat, ParsesNamesThatImitateOtherFields) {
  std::string line = stat_line;
  line.replace(line.find("tcpserver"), 9, ") Z 1 (\x1b[2J\n");
  const auto facts = parse_process_stat(line);
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->name, ") Z 1 (?[2J?");
  EXPECT_EQ(facts->state, 'S');
  EXPECT_EQ(facts->parent, 4242);
}

TEST(ProcessStat, RejectsMalformedText) {
  const std::string whole = stat_line;
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("1 (a)"), std::string("1 (a) S"), std::string(") ("),
        std::string("x (a) S 1"), "-" + whole, whole.substr(0, whole.find(" 8675309"))}) {
    EXPECT_FALSE(parse_process_stat(text).has_value()) << text;
  }
}

TEST(SocketLink, IsParsed) {
  EXPECT_EQ(parse_socket_link("socket:[4711]"), 4711U);
  EXPECT_EQ(parse_socket_link("socket:[18446744073709551615]"), UINT64_MAX);
  for (const char* text : {"", "socket:[", "socket:[]", "socket:[1", "socket:[-1]", "socket:[1x]", "pipe:[1]",
                           "socket:[18446744073709551616]", "/tmp/socket:[1]"}) {
    EXPECT_FALSE(parse_socket_link(text).has_value()) << text;
  }
}

TEST(ProcessTable, ContainsThisProcessAndItsSockets) {
  const auto processes = all_processes();
  ASSERT_TRUE(processes.has_value());
  const auto self = std::find_if(processes->begin(), processes->end(),
                                 [](const ProcessFacts& process) { return process.pid == ::getpid(); });
  ASSERT_NE(self, processes->end());
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_EQ(self->name, "kernel_test");
  EXPECT_LT(process_age(*self, time_since_boot()), std::chrono::minutes(10));

  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  struct stat status {};
  ASSERT_EQ(::fstat(socket, &status), 0);
  const auto held = sockets_held_by(::getpid());
  EXPECT_EQ(held.sight, HeldSockets::Sight::whole);
  EXPECT_EQ(std::count(held.inodes.begin(), held.inodes.end(), status.st_ino), 1);
  ::close(socket);
}

TEST(ProcessTable, CountsAgeFromTheFork) {
  harness::Process sleeper({"sleep", "60"});
  const auto begin = harness::Clock::now();
  const auto facts = process_facts(sleeper.pid());
  ASSERT_TRUE(facts.has_value());
  const auto before = process_age(*facts, time_since_boot());
  ASSERT_TRUE(
      harness::eventually([&] { return harness::Clock::now() - begin >= std::chrono::milliseconds(200); }));
  const auto after = process_age(*facts, time_since_boot());
  EXPECT_GE(after - before, std::chrono::milliseconds(150));
  EXPECT_LT(before, std::chrono::seconds(30));
}

TEST(ProcessTable, OmitsEndedProcesses) {
  harness::Process short_lived({"true"});
  const auto pid = short_lived.pid();
  short_lived.wait();
  EXPECT_FALSE(process_facts(pid).has_value());
  EXPECT_EQ(sockets_held_by(pid).sight, HeldSockets::Sight::ended);
}

}  // namespace
