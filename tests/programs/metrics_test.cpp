#include "harness/json.hpp"
#include "harness/server_process.hpp"
#include "programs/load.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

// The file of --metrics-file.
namespace {

namespace fs = std::filesystem;
using namespace harness;
using namespace std::chrono_literals;

class ServerMetrics : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::chmod(directory.path().c_str(), 0777), 0); }
  // The value of a series with this name and these labels; -1 if missing.
  long long value(const std::string& series) const {
    const auto all = "\n" + read_text(path);
    const auto at = all.find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::atoll(all.c_str() + at + series.size() + 2);
  }
  // Requests writes until the series has this value.
  bool becomes(ServerProcess& server, const std::string& series, long long expected) const {
    return eventually([&] {
      server.signal(SIGUSR1);
      return value(series) == expected;
    });
  }
  ino_t inode() const {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
  }

  const TemporaryDirectory directory;
  std::string path = directory.path() + "/tcpserver.prom";
};

TEST_F(ServerMetrics, MatchTheCountsOfTheClients) {
  ServerProcess server({"--metrics-file", path});
  EXPECT_EQ(value("tcpserver_connections_accepted_total"), 0) << "written from the start";
  const auto result = run(load_command(
      server, {"--connections", "1000", "--concurrency", "64", "--message-size", "1234", "--json"}));
  ASSERT_EQ(result.ending, 0) << result.errors;
  ClientSocket open(server.port());
  ASSERT_TRUE(echoes(open, std::string(1000, 'x')));
  EXPECT_TRUE(becomes(server, "tcpserver_sessions_ended_total{reason=\"client_closed\"}", 1000));
  EXPECT_EQ(value("tcpserver_connections_open"), 1);
  EXPECT_EQ(value("tcpserver_connections_accepted_total"), 1001);
  const Json sums(result.output);
  EXPECT_EQ(value("tcpserver_received_bytes_total") - 1000, sums.number("bytes_sent"))
      << "including the open session";
  EXPECT_EQ(value("tcpserver_sent_bytes_total") - 1000, sums.number("bytes_received"));
  EXPECT_EQ(value("tcpserver_session_duration_seconds_count"), 1000);
  const auto port = std::to_string(server.port());
  EXPECT_EQ(value("tcpserver_accept_queue_length{listener=\"0.0.0.0:" + port + "\"}"), 0);
  EXPECT_GT(value("tcpserver_accept_queue_limit{listener=\"[::]:" + port + "\"}"), 0);
  open.close();
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(value("tcpserver_connections_open"), 0) << "written at the end";
  EXPECT_EQ(value("tcpserver_sessions_ended_total{reason=\"client_closed\"}"), 1001);
  EXPECT_EQ(value("tcpserver_received_bytes_total"), 1'235'000);
}

TEST_F(ServerMetrics, AreRewrittenWithoutActivity) {
  ServerProcess server({"--metrics-file", path, "-q"});
  const auto before = inode();
  EXPECT_TRUE(eventually([&] { return inode() != before; }));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(server.logged_nothing_unusual());
}

TEST_F(ServerMetrics, CountReasonsOfRefusalsAndEnds) {
  ServerProcess server(
      {"--metrics-file", path, "--max-connections", "2", "--overload", "refuse", "--idle-timeout", "1s"});
  ClientSocket first(server.port());
  ClientSocket second(server.port());
  ClientSocket third(server.port());
  EXPECT_TRUE(third.is_reset());
  EXPECT_TRUE(becomes(server, "tcpserver_connections_refused_total{reason=\"max_connections\"}", 1));
  EXPECT_TRUE(becomes(server, "tcpserver_sessions_ended_total{reason=\"idle_timeout\"}", 2));
  EXPECT_EQ(value("tcpserver_connections_limit"), 2);
}

TEST_F(ServerMetrics, AreWrittenDuringAnIterativeSession) {
  ServerProcess server({"--metrics-file", path, "--mode", "iterative"});
  ClientSocket client(server.port());
  ASSERT_TRUE(echoes(client, "four"));
  EXPECT_TRUE(becomes(server, "tcpserver_connections_open", 1));
  EXPECT_EQ(value("tcpserver_received_bytes_total"), 4);
}

TEST_F(ServerMetrics, DoNotStopClientsIfTheyCannotBeWritten) {
  ServerProcess server({"--metrics-file", path});
  fs::remove_all(directory.path());
  server.signal(SIGUSR1);
  EXPECT_TRUE(server.says("cannot update --metrics-file "));
  EXPECT_TRUE(serves(server));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(occurrences(server.log(), "cannot update"), 1U) << "at most once per minute";
}

TEST_F(ServerMetrics, NeedAWritableDirectory) {
  for (const auto* place : {"/nowhere/at/all.prom", "/proc/tcpserver.prom"}) {
    EXPECT_TRUE(
        fails(run({TCPSERVER_PROGRAM, "--port", "0", "--metrics-file", place}), 73, "--metrics-file"));
  }
}

// The directory is opened before --user takes effect, because that user may not be able to reach its path.
TEST_F(ServerMetrics, BelongToTheUserEvenInAnUnreachableDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "--user needs root";
  const TemporaryDirectory closed;
  ASSERT_EQ(::chmod(closed.path().c_str(), 0700), 0);
  const auto open = closed.path() + "/open";
  ASSERT_EQ(::mkdir(open.c_str(), 0700), 0);
  ASSERT_EQ(::chown(open.c_str(), 65534, 65534), 0);
  path = open + "/tcpserver.prom";
  const PublicCopy program;
  ServerProcess server({"--metrics-file", path, "--user", "nobody"}, {}, {program.path()});
  EXPECT_TRUE(serves(server));
  EXPECT_TRUE(becomes(server, "tcpserver_connections_accepted_total", 1));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65534U);
  EXPECT_EQ(status.st_mode & 0777U, 0644U);
}

}  // namespace
