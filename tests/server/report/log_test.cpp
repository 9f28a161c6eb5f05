#include "tcpserver/server/report/log.hpp"

#include "harness/captured_errors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using namespace std::chrono_literals;

// Of lines of JSON. The time's own form is log_record_test's.
std::string without_time(std::string lines) {
  const std::string key = R"("time": "2026-11-27T04:44:21.123456Z", )";
  for (std::size_t at = 0; (at = lines.find("\"time\": ", at)) != std::string::npos;)
    lines.erase(at, key.size());
  return lines;
}

TEST(Log, SaysAsMuchAsItsVerbosityLetsIt) {
  using tcpserver::server::Verbosity;
  const auto said_with = [](Verbosity verbosity) {
    CapturedErrors captured;
    Log log;
    log.set_verbosity(verbosity);
    log.detail("detail");
    log.info("info");
    log.answer("answer");
    log.warning("warning");
    captured.restore();
    return captured.read_all();
  };
  EXPECT_EQ(said_with(Verbosity::quiet), "tcpserver: answer\ntcpserver: warning\n");
  EXPECT_EQ(said_with(Verbosity::normal), "tcpserver: info\ntcpserver: answer\ntcpserver: warning\n");
  EXPECT_EQ(said_with(Verbosity::verbose),
            "tcpserver: detail\ntcpserver: info\ntcpserver: answer\ntcpserver: warning\n");
}

TEST(Log, WritesOneLineWithTheProgramsName) {
  CapturedErrors captured;
  Log log;
  log.info("%d of %s", 3, "four");
  captured.restore();
  EXPECT_EQ(captured.read_all(), "tcpserver: 3 of four\n");
}

TEST(Log, CutsALineThatIsTooLongButKeepsItsEnd) {
  CapturedErrors captured;
  Log log;
  log.info("%s", std::string(5000, 'x').c_str());
  captured.restore();
  const auto text = captured.read_all();
  EXPECT_LE(text.size(), 1100U);
  EXPECT_GE(text.size(), 1000U);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(Log, DropsLinesWhenTheReaderStallsAndSaysHowMany) {
  CapturedErrors captured;
  Log log;
  captured.fill();
  log.info("lost");
  log.info("lost too");
  static_cast<void>(captured.read_all());
  log.info("here again");
  captured.restore();
  EXPECT_EQ(captured.read_all(),
            "tcpserver: dropped 2 log lines: stderr was not writable\ntcpserver: here again\n");
}

// Once the reader reads again, and nothing else is said.
TEST(Log, SaysHowManyLinesWereDroppedByItself) {
  CapturedErrors captured;
  Log log;
  EXPECT_FALSE(log.due().has_value());
  captured.fill();
  log.info("lost");
  ASSERT_TRUE(log.due().has_value());
  const auto now = tcpserver::base::Clock::now();
  log.after_wait(now);  // it still takes nothing
  EXPECT_GT(*log.due(), now) << "not to be tried at once again";
  static_cast<void>(captured.read_all());
  log.after_wait(now + 1s);
  EXPECT_FALSE(log.due().has_value());
  EXPECT_EQ(log.dropped(), 1U);
  captured.restore();
  EXPECT_EQ(captured.read_all(), "tcpserver: dropped 1 log lines: stderr was not writable\n");
}

TEST(Log, SaysItAllInJson) {
  CapturedErrors captured;
  Log log;
  log.set_format(tcpserver::server::LogFormat::json);
  log.set_verbosity(tcpserver::server::Verbosity::verbose);
  log.info("it's \"%s\"", "here\n");
  captured.fill();
  log.warning("lost");
  const auto before = captured.read_all();
  log.answer("asked for");
  captured.restore();
  const auto after = captured.read_all();
  EXPECT_EQ(without_time(before.substr(0, before.find('\n'))),
            R"({"level": "info", "event": "message", "message": "it's \"here\u000a\""})");
  EXPECT_EQ(
      without_time(after),
      R"({"level": "warning", "event": "message", "message": "dropped 1 log lines: stderr was not writable"})"
      "\n"
      R"({"level": "notice", "event": "message", "message": "asked for"})"
      "\n");
}

TEST(RateLimit, LetsOneThroughPerIntervalAndCountsTheRest) {
  RateLimit limit(1s);
  const auto start = tcpserver::base::Clock::now();
  EXPECT_TRUE(limit.allows(start));
  EXPECT_FALSE(limit.allows(start + 1ms));
  EXPECT_FALSE(limit.allows(start + 999ms));
  EXPECT_TRUE(limit.allows(start + 1s));
  EXPECT_EQ(limit.take_held_back(), 2U);
  EXPECT_EQ(limit.take_held_back(), 0U);
}

TEST(Log, SaysHowManyLinesWereHeldBack) {
  CapturedErrors captured;
  Log log;
  RateLimit limit(200ms);
  log.limited_warning(limit, "first");
  log.limited_warning(limit, "held back");
  ::usleep(250'000);
  log.limited_warning(limit, "second");
  captured.restore();
  // A slow machine may have taken longer than the interval for the first two lines.
  const auto text = captured.read_all();
  if (text.find("held back\n") != std::string::npos)
    GTEST_SKIP() << "this machine was too slow for the interval";
  EXPECT_EQ(text, "tcpserver: first\ntcpserver: second (and 1 more like this)\n");
}

}  // namespace
