#include "tcpserver/server/metrics.hpp"

#include "tcpserver/posix/io.hpp"
#include "tcpserver/posix/system_error.hpp"

#include "harness/text.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <string>

namespace {

using namespace tcpserver;
using namespace tcpserver::server;
using namespace std::chrono_literals;

// A folder of its own, with a place for the file.
class Metrics : public ::testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/tcpserver_test.XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    path = folder_ + "/tcpserver.prom";
    beside = path + ".tmp";
  }
  void TearDown() override {
    ::unlink(path.c_str());
    ::unlink(beside.c_str());
    ::rmdir(folder_.c_str());
  }
  MetricsFigures figures() const {
    return {.counters = counters, .sessions = {}, .listeners = {}, .dropped = {}};
  }
  static std::string contents(const std::string& file) {
    return posix::read_file(file.c_str(), 100'000).value_or("no file");
  }

  Counters counters;
  std::string path;
  std::string beside;

 private:
  std::string folder_;
};

TEST_F(Metrics, HaveEachFigure) {
  counters.accepted = 12;
  counters.refused[static_cast<std::size_t>(Refusal::host_full)] = 2;
  counters.refused[static_cast<std::size_t>(Refusal::fork_failed)] = 3;
  counters.count_accept_error(EMFILE);
  counters.count_accept_error(EPERM);
  counters.count_accept_error(135);
  counters.count_end(SessionEnd::idle_timeout, {.in = 70, .out = 60}, 1500us);
  counters.count_end(SessionEnd::seccomp, {.in = 1, .out = 0}, 2h);
  MetricsText text;
  append_metrics(text, {.counters = counters,
                        .sessions = {.open = 4, .most = 9, .reaped = true, .bytes = {.in = 100, .out = 50}},
                        .listeners = {},
                        .dropped = 5,
                        .log_lines_dropped = 6,
                        .started_s = 1'700'000'000});
  const std::string all = text.c_str();
  for (const char* line : {
           "tcpserver_start_time_seconds 1700000000\n",
           "tcpserver_connections_accepted_total 12\n",
           "tcpserver_connections_open 4\n",
           "tcpserver_connections_limit 9\n",
           "tcpserver_connections_refused_total{reason=\"max_connections\"} 0\n",
           "tcpserver_connections_refused_total{reason=\"max_per_host\"} 2\n",
           "tcpserver_connections_refused_total{reason=\"fork_failed\"} 3\n",
           "tcpserver_sessions_ended_total{reason=\"client_closed\"} 0\n",
           "tcpserver_sessions_ended_total{reason=\"idle_timeout\"} 1\n",
           "tcpserver_sessions_ended_total{reason=\"seccomp\"} 1\n",
           "tcpserver_fork_failures_total 3\n",
           "tcpserver_accept_errors_total{errno=\"EMFILE\"} 1\n",
           "tcpserver_accept_errors_total{errno=\"ENFILE\"} 0\n",
           "tcpserver_accept_errors_total{errno=\"EPERM\"} 1\n",
           "tcpserver_accept_errors_total{errno=\"135\"} 1\n",
           "tcpserver_received_bytes_total 171\n",
           "tcpserver_sent_bytes_total 110\n",
           "tcpserver_listen_overflows_total 5\n",
           "tcpserver_session_duration_seconds_bucket{le=\"0.001\"} 0\n",
           "tcpserver_session_duration_seconds_bucket{le=\"0.0025\"} 1\n",
           "tcpserver_session_duration_seconds_bucket{le=\"3600\"} 1\n",
           "tcpserver_session_duration_seconds_bucket{le=\"+Inf\"} 2\n",
           "tcpserver_session_duration_seconds_sum 7200.001500\n",
           "tcpserver_session_duration_seconds_count 2\n",
           "tcpserver_log_lines_dropped_total 6\n",
       }) {
    EXPECT_NE(all.find(std::string("\n") + line), std::string::npos) << line << all;
  }
}

TEST_F(Metrics, HaveRoomForTheLargestFigures) {
  counters.accepted = UINT64_MAX;
  counters.refused.fill(UINT64_MAX);
  counters.ended.fill(UINT64_MAX);
  counters.accept_errors_by_errno.fill(UINT64_MAX);
  counters.durations.counts.fill(UINT64_MAX / 100);
  counters.durations.sum_us = UINT64_MAX;
  MetricsText text;
  append_metrics(text, figures());
  EXPECT_GT(text.room(), 2 * options::most_addresses * (posix::SocketAddress::text_size + 60))
      << "for the queues";
}

TEST_F(Metrics, AreReplacedAsAWhole) {
  MetricsFile file(path);
  EXPECT_LE(file.due(), posix::Clock::now());
  const auto mask = ::umask(0077);
  ASSERT_TRUE(file.write(figures()));
  ::umask(mask);
  EXPECT_GT(file.due(), posix::Clock::now());
  const auto first = contents(path);
  EXPECT_TRUE(first.starts_with("# HELP tcpserver_build_info ")) << first;
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U) << "a monitor is somebody else";
  const auto inode = status.st_ino;
  counters.accepted = 1;
  ASSERT_TRUE(file.write(figures()));
  EXPECT_NE(contents(path), first);
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_NE(status.st_ino, inode) << "who reads the old file goes on reading it";
  EXPECT_NE(::access(beside.c_str(), F_OK), 0);
}

TEST_F(Metrics, AreWrittenThroughNoLinkAndOverWhatWasLeft) {
  const std::string victim = path + ".victim";
  ASSERT_EQ(::symlink(victim.c_str(), beside.c_str()), 0);
  MetricsFile file(path);
  EXPECT_TRUE(file.write(figures()));
  EXPECT_NE(::access(victim.c_str(), F_OK), 0);
  EXPECT_TRUE(contents(path).starts_with("# HELP"));
}

TEST_F(Metrics, ThatCannotBeWrittenLeaveTheOldOnes) {
  MetricsFile file(path);
  ASSERT_TRUE(file.write(figures()));
  const auto old = contents(path);
  counters.accepted = 1;
  // As on a full disk.
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit lower{.rlim_cur = 100, .rlim_max = limit.rlim_max};
  auto* const handler = ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &lower);
  EXPECT_FALSE(file.write(figures()));
  EXPECT_EQ(errno, EFBIG);
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(contents(path), old);
  EXPECT_NE(::access(beside.c_str(), F_OK), 0) << "nothing is left beside";
}

TEST_F(Metrics, NeedTheirFolder) {
  try {
    const MetricsFile file("/nowhere/at/all.prom");
    FAIL();
  } catch (const posix::StartError& error) {
    EXPECT_EQ(error.status(), posix::ExitStatus::cannot_create);
    EXPECT_STREQ(error.what(),
                 "cannot open the folder of --metrics-file, /nowhere/at/: No such file or directory");
  }
}

}  // namespace
