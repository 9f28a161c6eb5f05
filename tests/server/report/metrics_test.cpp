#include "tcpserver/server/report/metrics.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"

#include "harness/file_size_limit.hpp"
#include "harness/temporary_directory.hpp"
#include "harness/text.hpp"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace tcpserver;
using harness::contains;
using namespace tcpserver::base;
using namespace tcpserver::server;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Metrics : public ::testing::Test {
 protected:
  ServerMetrics server_metrics() const { return {.counters = counters}; }
  long count_files() const {
    return std::distance(fs::directory_iterator(directory_.path()), fs::directory_iterator());
  }

  Counters counters;
  Log log;

 private:
  const harness::TemporaryDirectory directory_;

 protected:
  const std::string path = directory_.path() + "/tcpserver.prom";
};

TEST_F(Metrics, HaveEveryCounter) {
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
                        .dropped = 5,
                        .log_lines_dropped = 6,
                        .started_s = 1'700'000'000});
  const std::string all = text.c_str();
  for (const char* line : {
           "start_time_seconds 1700000000",
           "connections_accepted_total 12",
           "connections_open 4",
           "connections_limit 9",
           "connections_refused_total{reason=\"max_connections\"} 0",
           "connections_refused_total{reason=\"max_per_host\"} 2",
           "sessions_ended_total{reason=\"client_closed\"} 0",
           "sessions_ended_total{reason=\"seccomp\"} 1",
           "fork_failures_total 3",
           "accept_errors_total{errno=\"EMFILE\"} 1",
           "accept_errors_total{errno=\"ENFILE\"} 0",
           "accept_errors_total{errno=\"EPERM\"} 1",
           "accept_errors_total{errno=\"135\"} 1",
           "received_bytes_total 171",
           "sent_bytes_total 110",
           "listen_overflows_total 5",
           "session_duration_seconds_bucket{le=\"0.001\"} 0",
           "session_duration_seconds_bucket{le=\"0.0025\"} 1",
           "session_duration_seconds_bucket{le=\"3600\"} 1",
           "session_duration_seconds_bucket{le=\"+Inf\"} 2",
           "session_duration_seconds_sum 7200.001500",
           "session_duration_seconds_count 2",
           "log_lines_dropped_total 6",
       }) {
    EXPECT_TRUE(contains(all, std::string("\ntcpserver_") + line + "\n"));
  }
}

TEST_F(Metrics, FitTheLargestCounters) {
  counters.accepted = UINT64_MAX;
  counters.refused.fill(UINT64_MAX);
  counters.ended.fill(UINT64_MAX);
  counters.accept_errors_by_errno.fill(UINT64_MAX);
  counters.durations.counts.fill(UINT64_MAX / 100);
  counters.durations.sum_us = UINT64_MAX;
  MetricsText text;
  append_metrics(text, server_metrics());
  EXPECT_GT(text.room(), 2 * server::most_addresses * (base::SocketAddress::text_size + 60))
      << "for the queues";
}

TEST_F(Metrics, AreReplacedAtomically) {
  MetricsFile file(path, log);
  EXPECT_LE(file.due(), base::Clock::now());
  const auto mask = ::umask(0077);
  file.write_first(server_metrics());
  ::umask(mask);
  EXPECT_GT(file.due(), base::Clock::now());
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0644)) << "the monitor runs as another user";
  const auto first = harness::read_text(path);
  EXPECT_TRUE(first.starts_with("# HELP tcpserver_build_info ")) << first;
  std::ifstream reader(path);
  counters.accepted = 1;
  file.write(server_metrics());
  EXPECT_NE(harness::read_text(path), first);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(reader), {}), first) << "of the old file";
  const auto second = harness::read_text(path);
  ++counters.accepted;
  {
    const harness::FileSizeLimit full_disk(100);
    EXPECT_THROW(file.write_first(server_metrics()), base::StartError);
  }
  EXPECT_EQ(harness::read_text(path), second) << "if the new one cannot be written";
  EXPECT_EQ(count_files(), 1) << "no temporary file is left";
}

TEST_F(Metrics, ReplaceOnlyRegularFiles) {
  const auto refusal = [this](const std::string& at) {
    try {
      const MetricsFile file(at, log);
    } catch (const base::StartError& error) {
      return error.status();
    }
    return base::ExitStatus::ok;
  };
  const auto directory = path.substr(0, path.rfind('/') + 1);
  ASSERT_EQ(::mkfifo((directory + "fifo").c_str(), 0600), 0);
  fs::create_symlink("/nowhere", directory + "link");
  for (const auto& at :
       {directory, directory + ".", directory + "fifo", directory + "link", directory + "none/at/all"}) {
    EXPECT_EQ(refusal(at), base::ExitStatus::cannot_create) << at;
  }
  MetricsFile file(path, log);
  file.write_first(server_metrics());
  fs::rename(directory + "fifo", path);
  EXPECT_THROW(file.write_first(server_metrics()), base::StartError);
  EXPECT_TRUE(fs::is_fifo(path)) << "also while the server runs";
}

TEST_F(Metrics, RemoveTemporaryFilesOfKilledServers) {
  const auto make = [this](const char* suffix, std::chrono::hours age) {
    std::ofstream(path + suffix) << "half of";
    fs::last_write_time(path + suffix, fs::file_time_type::clock::now() - age);
  };
  make(".tmp.4711.1", 1h);
  make(".tmp.4712.1", 0h);
  make(".old", 1h);
  MetricsFile(path, log).write_first(server_metrics());
  EXPECT_FALSE(fs::exists(path + ".tmp.4711.1"));
  EXPECT_TRUE(fs::exists(path + ".tmp.4712.1"));
  EXPECT_TRUE(fs::exists(path + ".old"));
}

TEST_F(Metrics, AreCompleteWithSeveralWriters) {
  MetricsFile(path, log).write_first(server_metrics());
  const auto whole = harness::read_text(path);
  {
    std::vector<std::jthread> servers;
    for (int i = 0; i < 3; ++i) {
      servers.emplace_back([this] {
        for (int start = 0; start < 100; ++start) {
          MetricsFile file(path, log);
          for (int j = 0; j < 3; ++j) EXPECT_NO_THROW(file.write_first(server_metrics()));
        }
      });
    }
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(harness::read_text(path), whole);
  }
  EXPECT_EQ(count_files(), 1);
}

// A service manager may pass several sockets for one address (SO_REUSEPORT). Prometheus rejects duplicate
// series.
TEST_F(Metrics, HaveOneSeriesPerAddress) {
  const auto address = *base::SocketAddress::parse("127.0.0.1", 7000);
  const ListenQueue queues[] = {{address, {.length = 1, .limit = 5}},
                                {*base::SocketAddress::parse("::1", 7000), {.length = 0, .limit = 5}},
                                {address, {.length = 2, .limit = 5}}};
  MetricsText text;
  append_metrics(text, {.counters = counters, .queues = queues});
  const std::string all = text.c_str();
  EXPECT_TRUE(contains(all,
                       "tcpserver_accept_queue_length{listener=\"127.0.0.1:7000\"} 3\n"
                       "tcpserver_accept_queue_length{listener=\"[::1]:7000\"} 0\n#"));
  EXPECT_TRUE(contains(all, "tcpserver_accept_queue_limit{listener=\"127.0.0.1:7000\"} 10\n"));
}

}  // namespace
