#include "harness/server_process.hpp"
#include "harness/stalled_reader.hpp"

#include <filesystem>

namespace {

using namespace harness;

void expect_stops(Process& server) {
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

TEST(Announcement, IsOneLineWithTheActualPort) {
  ServerProcess server;
  EXPECT_GT(server.port(), 0);
  EXPECT_TRUE(ClientSocket(server.port()).connected());
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(server.process().output(), "Server is listening on port " + std::to_string(server.port()) + "\n");
}

TEST(Announcement, SurvivesAFullStandardOutput) {
  Process server({"/bin/sh", "-c", "exec \"$0\" --port 0 >/dev/full", TCPSERVER_PROGRAM});
  EXPECT_TRUE(server.says("standard output: No space left on device")) << server.errors();
  expect_stops(server);
}

// A listener that took the number of a closed standard descriptor would get what is printed there.
TEST(Announcement, SurvivesClosedStandardDescriptors) {
  Process server({"/bin/sh", "-c", "exec \"$0\" --port 0 <&- >&-", TCPSERVER_PROGRAM});
  EXPECT_TRUE(server.says("listening on port ")) << server.errors();
  for (const char* fd : {"0", "1"}) {
    EXPECT_EQ(std::filesystem::read_symlink(proc_directory(server.pid()) / "fd" / fd), "/dev/null");
  }
  expect_stops(server);
}

// A server with a full pipe as standard output.
class UnreadAnnouncement : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server.says("the announcement follows; listening on port ")); }
  std::uint16_t port() {
    const auto& log = server.errors();
    return static_cast<std::uint16_t>(std::atoi(log.c_str() + log.rfind(" port ") + 6));
  }

  const StalledReader reader;
  Process server{{TCPSERVER_PROGRAM, "--port", "0"}, {.output_fd = reader.fd()}};
};

TEST_F(UnreadAnnouncement, DelaysNoClientAndIsWrittenLater) {
  const auto announcement = "Server is listening on port " + std::to_string(port()) + "\n";
  ClientSocket client(port());
  EXPECT_EQ(echo_through(client, "served"), "served");
  std::string output = reader.read_all();
  EXPECT_TRUE(eventually([&] { return (output += reader.read_all()).ends_with(announcement); }));
  expect_stops(server);
  EXPECT_EQ(reader.read_all(), "");
}

TEST_F(UnreadAnnouncement, DelaysNoStop) {
  expect_stops(server);
}

}  // namespace
