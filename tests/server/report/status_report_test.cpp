#include "tcpserver/server/report/status_report.hpp"

#include "harness/captured_errors.hpp"
#include "harness/json.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace tcpserver::server {
namespace {

using harness::contains;
using harness::Json;
using harness::split_lines;
using namespace std::chrono_literals;

class StatusReport : public ::testing::Test {
 protected:
  std::vector<std::string> lines_of_report(const char* event = "status") {
    log_report(log, Severity::notice, event, metrics);
    return split_lines(errors.read_all());
  }

  CapturedErrors errors;
  Log log;
  Counters counters;
  ServerMetrics metrics{.counters = counters, .sessions = {.open = 0, .most = 1000}};
};

TEST_F(StatusReport, OmitsWhatIsZero) {
  EXPECT_EQ(lines_of_report(), std::vector<std::string>{"tcpserver: status: 0 of 1000 sessions open"});
  EXPECT_EQ(lines_of_report("stopped"),
            std::vector<std::string>{"tcpserver: stopped: no connections accepted"});
}

TEST_F(StatusReport, HasALinePerSubject) {
  constexpr ByteCount bytes{.in = 7, .out = 5};
  counters.accepted = 4;
  counters.refuse({}, Refusal::fork_failed);
  counters.accept_errors = 1;
  counters.count_end(SessionEnd::client_closed, bytes, 1ms);
  counters.count_end(SessionEnd::client_closed, bytes, 2ms);
  counters.count_end(SessionEnd::killed, bytes, 3s);
  metrics.sessions = {.open = 1, .most = 9, .bytes = {.in = 100, .out = 10}};
  metrics.dropped = 3;
  metrics.children_reaped = 3;
  metrics.sigchlds_handled = 2;
  const ListenQueue queues[] = {
      {base::SocketAddress::parse("::1", 7).value(), {.length = 0, .limit = 2}},
      {base::SocketAddress::parse("127.0.0.1", 7).value(), {.length = 3, .limit = 2}}};
  metrics.queues = queues;
  std::string text;
  for (const auto& line : lines_of_report()) {
    EXPECT_TRUE(line.starts_with("tcpserver: status: "));
    text += line.substr(19) + "\n";
  }
  EXPECT_EQ(text,
            "1 of 9 sessions open, 4 accepted, 1 refused (1 fork failed)\n"
            "sessions ended: 2 closed by client, 1 killed\n"
            "121 bytes in, 25 out\n"
            "children reaped: 3, SIGCHLDs handled: 2\n"
            "1 accept error\n"
            "3 connection attempts dropped at a full listen queue\n"
            "listen queue 3 of 2 on 127.0.0.1:7\n");
}

TEST_F(StatusReport, CountsZombiesAsSlots) {
  metrics.sessions = {.open = 3, .most = 9, .reaped = false};
  EXPECT_TRUE(contains(lines_of_report().at(0), "3 of 9 slots in use (zombies included)"));
}

TEST_F(StatusReport, HasAKeyPerNumberInJson) {
  log.set_format(LogFormat::json);
  counters.accepted = 4;
  counters.refuse({}, Refusal::host_full);
  const ListenQueue queues[] = {{base::SocketAddress::parse("::1", 7).value(), {.length = 0, .limit = 2}}};
  metrics.queues = queues;
  const auto lines = lines_of_report();
  ASSERT_EQ(lines.size(), 2U);
  const Json report(lines[0]);
  EXPECT_EQ(report.values("level event open max_connections accepted refused refused_max_per_host"),
            "notice status 0 1000 4 1 1");
  EXPECT_EQ(report.values("ended_client_closed bytes_in children_reaped accept_errors log_lines_dropped"),
            "0 0 0 0 0");
  EXPECT_FALSE(contains(lines[0], "attempts_dropped")) << "unknown";
  EXPECT_EQ(Json(lines[1]).values("event listener length limit"), "listen_queue [::1]:7 0 2");
}

TEST_F(StatusReport, FitsTheLargestNumbers) {
  counters.accepted = counters.accept_errors = UINT64_MAX;
  counters.refused.fill(UINT64_MAX / 4);
  counters.bytes = {.in = UINT64_MAX, .out = UINT64_MAX};
  counters.ended.fill(UINT64_MAX);
  metrics.sessions = {.open = UINT32_MAX, .most = UINT32_MAX, .reaped = false};
  metrics.dropped = metrics.log_lines_dropped = metrics.children_reaped = UINT64_MAX;
  EXPECT_TRUE(lines_of_report().at(0).ends_with(" fork failed)"));
  EXPECT_TRUE(lines_of_report().at(1).ends_with(" killed by seccomp"));
  log.set_format(LogFormat::json);
  EXPECT_EQ(Json(lines_of_report().at(0)).values("attempts_dropped log_lines_dropped"),
            "18446744073709551615 18446744073709551615");
}

}  // namespace
}  // namespace tcpserver::server
