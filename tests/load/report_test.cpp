#include "load/report.hpp"

#include "tcpserver/base/terminal.hpp"

#include "harness/json.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::load;
using namespace std::chrono_literals;
using harness::Json;

Result good_result() {
  Result result{
      .server = "127.0.0.1:7000", .started = 4, .answered = 4, .connections = 4, .rounds = 4, .duration = 2s};
  result.bytes_sent = result.bytes_received = 128;
  for (const auto time : {100us, 200us, 300us, 400us}) result.latencies.record(time);
  return result;
}

TEST(LoadReport, ShowsTheResultOfTheRun) {
  const auto text = tcpserver::base::join_lines(format_report(good_result(), {.connections = 4}));
  EXPECT_EQ(text,
            "127.0.0.1:7000: 4 connections, concurrency 64, messages of 32 bytes\n"
            "rate      2 connections per second in 2.000 s\n"
            "errors    none\n"
            "bytes     128 sent, 128 received, all as expected\n"
            "latency   p50 201 us, p90 400 us, p99 400 us, p99.9 400 us, max 400 us\n"
            "CPU time  0 us used by tcpload\n");
}

TEST(LoadReport, ShowsHowManyConnectionsWereAnswered) {
  auto result = good_result();
  result.started = 7;
  result.failed = 1;
  const LoadOptions options{.mode = LoadMode::hold, .connections = 9, .concurrency = 9, .hold = 3s};
  EXPECT_TRUE(contains(tcpserver::base::join_lines(format_report(result, options)),
                       "\nanswered  4 of 9; 2 unanswered, 1 failed, 2 not started\n"));
  EXPECT_EQ(
      Json(format_report_json(result, options)).values("requested answered unanswered failed not_started"),
      "9 4 2 1 2");
}

TEST(LoadReport, CountsErrorsByKind) {
  auto result = good_result();
  result.errors_by_kind = {1, 0, 2};  // refused, timed out
  result.stalled = true;
  const auto text = tcpserver::base::join_lines(format_report(result, {}));
  EXPECT_TRUE(contains(text, "\nerrors    3: 1 refused, 2 timed out\n"));
  EXPECT_TRUE(contains(text, "\nstalled   after 2.000 s: no progress for 10s\n"));
  EXPECT_TRUE(contains(text, "\nrate      0 connections per second in")) << "1 in 2 s: " << text;
  EXPECT_FALSE(contains(text, "as expected"));
}

TEST(LoadReport, HasEveryJsonKeyOfTheContract) {
  const Json json(format_report_json(good_result(), {}));
  EXPECT_EQ(json.values("mode connections errors rate_per_s bytes_sent bytes_received concurrency"),
            "connections 4 0 2.000 128 128 64");
  EXPECT_EQ(json.values("message_size duration_s latency_us.max"), "32 2.000000 400.000");
  EXPECT_EQ(json.keys("latency_us"), "p50 p90 p99 p999 max");
  EXPECT_EQ(json.keys("errors_by_kind"),
            "refused reset timed_out closed_early wrong_bytes no_port no_descriptor other");
}

TEST(LoadReport, IsValidJsonWithoutResults) {
  for (const auto mode : {LoadMode::connections, LoadMode::hold, LoadMode::bulk, LoadMode::ping}) {
    const Json json(format_report_json({}, {.mode = mode}));
    EXPECT_EQ(json.values("latency_us histogram_us mode first_error"),
              std::string("null [] ") + mode_names[static_cast<std::size_t>(mode)] + " null");
  }
}

TEST(LoadReport, EscapesStringsInJson) {
  const Result bad_server{.server = harness::hostile};
  Result bad_error;
  bad_error.first_error.emplace(ExitStatus::io_error, harness::hostile);
  for (const auto& result : {bad_server, bad_error}) {
    EXPECT_TRUE(contains(format_report_json(result, {}), harness::hostile_in_json));
  }
}

TEST(LoadReport, ShowsTheRateOfOpeningWithHold) {
  auto result = good_result();
  result.opened_after = 500ms;
  result.held = 3;
  result.holding = true;
  const LoadOptions options{.mode = LoadMode::hold, .connections = 4, .concurrency = 4, .hold = 1s};
  EXPECT_EQ(Json(format_report_json(result, options)).values("rate_per_s held hold_s"), "8.000 3 1.000000");
}

TEST(LoadReport, HasNoHeldConnectionsBeforeTheHold) {
  auto result = good_result();
  result.held = 3;
  const LoadOptions options{.mode = LoadMode::hold, .connections = 4, .concurrency = 4, .hold = 1s};
  EXPECT_EQ(Json(format_report_json(result, options)).values("held"), "null");
}

TEST(LoadReport, ShowsBytesPerSecondOfOneDirectionWithBulk) {
  const LoadOptions options{.mode = LoadMode::bulk, .connections = 4, .concurrency = 4, .size = 32};
  EXPECT_EQ(Json(format_report_json(good_result(), options)).values("bytes_per_s"), "64");
}

TEST(LoadProgress, FitsTheTerminal) {
  const LoadOptions options{.connections = 10'000};
  Result result;
  result.connections = 2500;
  EXPECT_EQ(format_progress(result, options, 1s, 80),
            "[######..................] 2500 of 10000 connections, 2500 per second, 0 errors");
  for (const std::size_t columns : {70U, 100U, 300U}) {
    EXPECT_LT(format_progress(result, options, 1s, columns).size(), columns);
  }
}

}  // namespace
