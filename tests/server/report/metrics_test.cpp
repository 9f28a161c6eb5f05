#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"

#include "harness/text.hpp"
#include "server/report/metrics_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace tcpserver;
using namespace tcpserver::base;
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
  }
  void TearDown() override {
    ::unlink(path.c_str());
    ::rmdir(folder_.c_str());
  }
  MetricsFigures figures() const {
    return {.counters = counters, .sessions = {}, .listeners = {}, .dropped = {}};
  }
  static std::string contents(const std::string& file) {
    return base::read_file(file.c_str(), 100'000).value_or("no file");
  }

  long files_in_folder() const {
    return std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator());
  }
  using Result = MetricsFile::Result;

  Counters counters;
  std::string path;

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
  EXPECT_GT(text.room(), 2 * server::most_addresses * (base::SocketAddress::text_size + 60))
      << "for the queues";
}

TEST_F(Metrics, AreReplacedAsAWhole) {
  MetricsFile file(path);
  EXPECT_LE(file.due(), base::Clock::now());
  const auto mask = ::umask(0077);
  ASSERT_EQ(file.write(figures()).result, Result::written);
  ::umask(mask);
  EXPECT_GT(file.due(), base::Clock::now());
  const auto first = contents(path);
  EXPECT_TRUE(first.starts_with("# HELP tcpserver_build_info ")) << first;
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U) << "a monitor is somebody else";
  const auto inode = status.st_ino;
  counters.accepted = 1;
  ASSERT_EQ(file.write(figures()).result, Result::written);
  EXPECT_NE(contents(path), first);
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_NE(status.st_ino, inode) << "who reads the old file goes on reading it";
  EXPECT_EQ(files_in_folder(), 1) << "nothing is left beside";
}

// Root could take the place of /dev/null.
TEST_F(Metrics, TakeThePlaceOfNothingButAFile) {
  const auto is_refused = [](const std::string& at) {
    try {
      const MetricsFile file(at);
      return false;
    } catch (const base::StartError& error) {
      EXPECT_EQ(error.status(), base::ExitStatus::cannot_create);
      EXPECT_EQ(error.what(), "--metrics-file " + at + ": it is not a regular file");
      return true;
    }
  };
  EXPECT_TRUE(is_refused(path.substr(0, path.rfind('/') + 1)));
  EXPECT_TRUE(is_refused(path.substr(0, path.rfind('/') + 1) + "."));
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(is_refused(path));
  ::unlink(path.c_str());
  ASSERT_EQ(::symlink("/nowhere", path.c_str()), 0);
  EXPECT_TRUE(is_refused(path));
  ::unlink(path.c_str());
  MetricsFile file(path);
  ASSERT_EQ(file.write(figures()).result, Result::written);
  ::unlink(path.c_str());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(file.write(figures()).result, Result::no_file) << "while it runs, too";
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_TRUE(S_ISFIFO(status.st_mode));
}

// A FILE.tmp that another user has prepared is removed and created again, not written to.
TEST_F(Metrics, ReplaceAPreparedTemporaryFile) {
  const auto beside = path + ".tmp";
  const auto other_name = path + ".other";
  std::ofstream(other_name) << "precious\n";
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(other_name.c_str(), 4711, 4712), 0);
  }
  ASSERT_EQ(::link(other_name.c_str(), beside.c_str()), 0);
  MetricsFile file(path);
  ASSERT_EQ(file.write(figures()).result, Result::written);
  EXPECT_EQ(contents(other_name), "precious\n");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, ::geteuid());
  EXPECT_EQ(status.st_nlink, 1U);
  ::unlink(other_name.c_str());
}

TEST_F(Metrics, AreThoseOfTheLastThatStarted) {
  MetricsFile first(path);
  ASSERT_EQ(first.write(figures()).result, Result::written);
  counters.accepted = 7;
  MetricsFile second(path);
  ASSERT_EQ(second.write(figures()).result, Result::written);
  const auto of_second = contents(path);
  counters.accepted = 8;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(first.write(figures()).result, Result::others);
  EXPECT_EQ(contents(path), of_second);
  EXPECT_EQ(second.write(figures()).result, Result::written);
  ::unlink(path.c_str());
  EXPECT_EQ(second.write(figures()).result, Result::written) << "where nothing is, nobody has taken over";
}

TEST_F(Metrics, AreThoseOfTheFirstAgainWhereTheLastHasEnded) {
  MetricsFile first(path);
  ASSERT_EQ(first.write(figures()).result, Result::written);
  {
    MetricsFile second(path);
    ASSERT_EQ(second.write(figures()).result, Result::written);
    ASSERT_EQ(second.write(figures()).result, Result::written);
    ASSERT_EQ(first.write(figures()).result, Result::others);
  }
  counters.accepted = 7;
  EXPECT_EQ(first.write(figures()).result, Result::written);
  EXPECT_NE(contents(path).find("\ntcpserver_connections_accepted_total 7\n"), std::string::npos);
  MetricsFile third(path);
  EXPECT_EQ(third.write(figures()).result, Result::written);
  EXPECT_EQ(first.write(figures()).result, Result::others);
}

// A killed server leaves FILE.tmp behind; whoever may write to the folder could make it a link.
TEST_F(Metrics, AreWrittenOverWhatAKilledServerLeft) {
  MetricsFile file(path);
  const auto beside = path + ".tmp";
  std::ofstream(beside) << "half of";
  EXPECT_EQ(file.write(figures()).result, Result::written);
  EXPECT_EQ(files_in_folder(), 1);
  ASSERT_EQ(::link(path.c_str(), (path + ".kept").c_str()), 0);
  const auto kept = contents(path + ".kept");
  ASSERT_EQ(::symlink((path + ".kept").c_str(), beside.c_str()), 0);
  counters.accepted = 7;
  EXPECT_EQ(file.write(figures()).result, Result::written);
  EXPECT_EQ(contents(path + ".kept"), kept);
  ::unlink((path + ".kept").c_str());
  EXPECT_EQ(files_in_folder(), 1);
}

TEST_F(Metrics, WaitWhileAnotherServerWrites) {
  MetricsFile file(path);
  ASSERT_EQ(file.write(figures()).result, Result::written);
  const auto old = contents(path);
  counters.accepted = 7;
  {
    const base::UniqueFd beside(::open((path + ".tmp").c_str(), O_WRONLY | O_CREAT, 0600));
    ASSERT_EQ(::flock(beside.get(), LOCK_EX), 0);
    EXPECT_EQ(file.write(figures()).result, Result::busy);
    EXPECT_EQ(contents(path), old);
  }
  EXPECT_EQ(file.write(figures()).result, Result::written);
  EXPECT_EQ(files_in_folder(), 1);
}

// Each begins anew again and again, so that it takes the file from the others.
TEST_F(Metrics, AreWholeHoweverManyServersWrite) {
  const auto whole = [this] {
    MetricsFile file(path);
    EXPECT_EQ(file.write(figures()).result, Result::written);
    return contents(path);
  }();
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> servers;
    for (int i = 0; i < 3; ++i) {
      servers.emplace_back([&] {
        for (int start = 0; start < 100; ++start) {
          MetricsFile file(path);
          for (int j = 0; j < 3; ++j) failed += file.write(figures()).result == Result::failed ? 1 : 0;
        }
      });
    }
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(contents(path), whole);
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(files_in_folder(), 1);
}

// Children are told once which descriptor is the highest.
TEST_F(Metrics, KeepOneDescriptor) {
  MetricsFile file(path);
  ASSERT_EQ(file.write(figures()).result, Result::written);
  const int next = ::dup(0);
  ::close(next);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(file.write(figures()).result, Result::written);
  const int again = ::dup(0);
  ::close(again);
  EXPECT_EQ(again, next);
}

// As a service manager may hand over (SO_REUSEPORT): a collector refuses a series that is there twice.
TEST_F(Metrics, HaveOneSeriesForOneAddress) {
  auto opened = open_listeners({.addresses = {*base::SocketAddress::parse("127.0.0.1", 0)},
                                .port = 0,
                                .backlog = 5,
                                .idle_timeout = {}});
  auto& listeners = opened.listeners;
  listeners.push_back({base::UniqueFd(::dup(listeners.front().fd.get())), listeners.front().address});
  MetricsText text;
  append_metrics(text, {.counters = counters, .sessions = {}, .listeners = listeners, .dropped = {}});
  EXPECT_EQ(harness::occurrences(text.c_str(), "\ntcpserver_accept_queue_length{"), 1U);
  EXPECT_EQ(harness::occurrences(text.c_str(), "\ntcpserver_accept_queue_limit{"), 1U);
  EXPECT_EQ(harness::occurrences(text.c_str(), "\"} 10\n"), 1U) << "of both together";
}

TEST_F(Metrics, ThatCannotBeWrittenLeaveTheOldOnes) {
  MetricsFile file(path);
  ASSERT_EQ(file.write(figures()).result, Result::written);
  const auto old = contents(path);
  counters.accepted = 1;
  // As on a full disk.
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit lower{.rlim_cur = 100, .rlim_max = limit.rlim_max};
  auto* const handler = ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &lower);
  const auto outcome = file.write(figures());
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(outcome.result, Result::failed);
  EXPECT_EQ(outcome.error, EFBIG);
  EXPECT_EQ(contents(path), old);
  EXPECT_EQ(files_in_folder(), 1) << "nothing is left beside";
}

TEST_F(Metrics, NeedTheirFolder) {
  try {
    const MetricsFile file("/nowhere/at/all.prom");
    FAIL();
  } catch (const base::StartError& error) {
    EXPECT_EQ(error.status(), base::ExitStatus::cannot_create);
    EXPECT_STREQ(error.what(),
                 "cannot open the folder of --metrics-file /nowhere/at/all.prom: No such file or directory");
  }
}

}  // namespace
