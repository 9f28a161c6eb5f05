#include "harness/client_socket.hpp"
#include "harness/server_process.hpp"
#include "harness/stalled_reader.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>

namespace {

using namespace harness;

TEST(Announcement, IsOneLineWithTheRealPortOnceConnectionsAreTaken) {
  ServerProcess server;
  EXPECT_GT(server.port(), 0);
  ClientSocket client(server.port());
  EXPECT_TRUE(client.connected());
  client.close();
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(server.process().output(), "Server is listening on port " + std::to_string(server.port()) + "\n");
}

TEST(Announcement, BacklogLineSaysWhatWasAskedByWhomAndWhatIsInEffect) {
  const auto first_line = [](const std::vector<std::string>& options,
                             const std::vector<std::string>& variables) {
    ServerProcess server(options, {.environment = variables});
    server.stop();
    const auto text = server.process().errors();
    return text.substr(0, text.find('\n'));
  };
  const bool known = TCPSERVER_TEST_LINUX;
  EXPECT_TRUE(first_line({"--backlog", "7"}, {})
                  .starts_with(known ? "tcpserver: backlog 7 (asked by --backlog), in effect 7 (SOMAXCONN "
                                     : "tcpserver: backlog 7 (asked by --backlog), in effect: not known"));
  EXPECT_NE(first_line({}, {"TCPSERVER_BACKLOG=9"}).find("backlog 9 (asked by TCPSERVER_BACKLOG)"),
            std::string::npos);
  EXPECT_NE(first_line({"-b", "8"}, {"TCPSERVER_BACKLOG=9"}).find("backlog 8 (asked by --backlog)"),
            std::string::npos);
  EXPECT_NE(first_line({}, {}).find("(nobody asked: the default, SOMAXCONN)"), std::string::npos);
  EXPECT_NE(
      first_line({"-b", "99999999999999999999"}, {})
          .find("backlog '99999999999999999999' (asked by --backlog) is clamped to SOMAXCONN, in effect"),
      std::string::npos);
}

TEST(Announcement, SurvivesAStandardOutputThatTakesNothing) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  Process server({TCPSERVER_PROGRAM, "--port", "0"}, {.output_fd = full});
  ::close(full);
  EXPECT_TRUE(server.read_errors_until([](const std::string& text) {
    return text.find("on standard output: No space left on device\n") != std::string::npos;
  })) << server.errors();
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

// A listener that took the number of a closed standard descriptor would get what is printed there.
TEST(Announcement, SurvivesClosedStandardDescriptors) {
  Process server({"/bin/sh", "-c", "exec \"$0\" --port 0 <&- >&-", TCPSERVER_PROGRAM});
  EXPECT_TRUE(server.read_errors_until([](const std::string& text) {
    return text.find("standard output is closed: listening on port ") != std::string::npos;
  }));
  for (const char* fd : {"0", "1"}) {
    EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(server.pid()) + "/fd/" + fd),
              "/dev/null");
  }
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

TEST(Announcement, ThatNobodyReadsDoesNotMakeTheServerDeaf) {
  const StalledReader reader;
  Process server({TCPSERVER_PROGRAM, "--port", "0"}, {.output_fd = reader.fd()});
  EXPECT_TRUE(server.read_errors_until([](const std::string& text) { return text.ends_with('\n'); }));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

// In the foreground, since timeout(1) else sends a SIGCONT after its SIGTERM: that takes back the SIGSTOP
// with which LeakSanitizer attaches to a program at its end, and it then waits for ever (about half of all
// tries).
TEST(Log, AClosedReaderDoesNotEndTheServer) {
  const auto result = run({"bash", "-c",
                           "(TCPSERVER_UNKNOWN=1 timeout --foreground 1 \"$0\" --port 0 2>&1 >/dev/null) | "
                           "true; exit ${PIPESTATUS[0]}",
                           TCPSERVER_PROGRAM});
  EXPECT_EQ(result.ending, 124) << "it ran until timeout ended it";
}

}  // namespace
