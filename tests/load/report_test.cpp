#include "load/report.hpp"

#include "tcpserver/base/terminal.hpp"

#include "harness/json.hpp"
#include "load/progress.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::load;
using namespace std::chrono_literals;
using harness::by_python;

Result good_result() {
  Result result{.server = "127.0.0.1:7000", .connections = 4, .rounds = 4, .duration = 2s};
  result.bytes_sent = result.bytes_received = 128;
  for (const auto time : {100us, 200us, 300us, 400us}) result.latencies.record(time);
  return result;
}

TEST(LoadReport, HasTheFiguresOfTheRun) {
  const auto text = tcpserver::base::joined(report_lines(good_result(), {}));
  EXPECT_EQ(text,
            "127.0.0.1:7000: 4 connections, 64 at a time, messages of 32 bytes\n"
            "rate      2 connections a second in 2.000 s\n"
            "errors    none\n"
            "bytes     128 sent, 128 received, every one as expected\n"
            "latency   p50 201 us, p90 400 us, p99 400 us, p99.9 400 us, max 400 us\n"
            "own cost  0 us of processor time\n");
}

TEST(LoadReport, CountsErrorsByKind) {
  auto result = good_result();
  result.errors_by_kind[index_of(ErrorKind::refused)] = 1;
  result.errors_by_kind[index_of(ErrorKind::timed_out)] = 2;
  result.stalled = true;
  const auto text = tcpserver::base::joined(report_lines(result, {}));
  EXPECT_NE(text.find("\nerrors    3: 1 refused, 2 timed out\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nstalled   nothing moved for 10s, so the run was given up after 2.000 s\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\nrate      0 connections a second in"), std::string::npos) << "1 of 2 s: " << text;
  EXPECT_EQ(text.find("as expected"), std::string::npos) << text;
}

TEST(LoadReport, AsJsonHasEveryKeyOfTheContract) {
  const auto json = report_json(good_result(), {});
  EXPECT_EQ(by_python(json,
                      "[d[k] for k in ('mode', 'connections', 'errors', 'rate_per_s', 'bytes_sent', "
                      "'bytes_received', 'concurrency', 'message_size', 'duration_s')]"),
            "['connections', 4, 0, 2.0, 128, 128, 64, 32, 2.0]\n");
  EXPECT_EQ(by_python(json, "sorted(d['latency_us'])"), "['max', 'p50', 'p90', 'p99', 'p999']\n");
  EXPECT_EQ(by_python(json, "d['latency_us']['max']"), "400.0\n");
  EXPECT_EQ(by_python(json, "sum(count for upper, count in d['histogram_us'])"), "4\n");
  EXPECT_EQ(by_python(json, "list(d['errors_by_kind'])"),
            "['refused', 'reset', 'timed_out', 'closed_early', 'wrong_bytes', 'no_port', 'no_descriptor', "
            "'other']\n");
}

TEST(LoadReport, AsJsonIsValidWhereThereIsNothing) {
  for (const auto mode : {LoadMode::connections, LoadMode::hold, LoadMode::bulk, LoadMode::ping}) {
    const auto json = report_json({}, {.mode = mode});
    EXPECT_EQ(by_python(json, "(d['latency_us'], d['histogram_us'], d['mode'], d['first_error'])"),
              std::string("(None, [], '") + name_of(mode) + "', None)\n");
  }
}

TEST(LoadReport, AsJsonEscapesStrings) {
  const Result bad_server{.server = harness::hostile};
  Result bad_error;
  bad_error.first_error = FirstError{.kind = ErrorKind::other, .sentence = harness::hostile};
  for (const auto& result : {bad_server, bad_error}) {
    const auto json = report_json(result, {});
    EXPECT_NE(json.find(harness::hostile_in_json), std::string::npos) << json;
  }
}

TEST(LoadReport, OfAHoldHasTheRateOfOpening) {
  auto result = good_result();
  result.opened_after = 500ms;
  result.held = 3;
  const LoadOptions options{.mode = LoadMode::hold, .connections = 4, .concurrency = 4, .hold = 1s};
  EXPECT_EQ(by_python(report_json(result, options), "(d['rate_per_s'], d['held'], d['hold_s'])"),
            "(8.0, 3, 1.0)\n");
}

TEST(LoadReport, OfAStreamHasBytesASecondInOneDirection) {
  const LoadOptions options{.mode = LoadMode::bulk, .connections = 4, .concurrency = 4, .size = 32};
  EXPECT_EQ(by_python(report_json(good_result(), options), "d['bytes_per_s']"), "64\n");
}

TEST(LoadProgress, FitsItsLine) {
  const auto script = script_of({.connections = 10'000});
  Result result;
  result.connections = 2500;
  EXPECT_EQ(progress_line(result, script, 1s, 80),
            "[#######...................] 2500 of 10000 connections, 2500 a second, 0 errors");
  for (const std::size_t columns : {70U, 100U, 300U}) {
    EXPECT_LT(progress_line(result, script, 1s, columns).size(), columns);
  }
}

}  // namespace
