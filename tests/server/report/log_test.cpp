#include "tcpserver/server/report/log.hpp"

#include "tcpserver/base/unique_fd.hpp"

#include "harness/captured_errors.hpp"
#include "harness/file_size_limit.hpp"
#include "harness/json.hpp"
#include "harness/temporary_folder.hpp"
#include "harness/text.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <regex>
#include <string>

namespace tcpserver::server {
namespace {

using harness::Json;
using namespace std::chrono_literals;

TEST(LogRecord, HasTheSameValuesInTextAndJson) {
  const auto line = [](LogFormat format) {
    LogRecord record(format, Severity::info, "session_end");
    record.add("peer", "[::1]:40112");
    record.add("bytes_in", UINT64_MAX);
    record.add_seconds("duration_s", 1h + 2001us);
    return std::string(record.finish());
  };
  EXPECT_EQ(line(LogFormat::text),
            "session_end peer=[::1]:40112 bytes_in=18446744073709551615 duration_s=3600.002001");
  const Json json(line(LogFormat::json));
  EXPECT_EQ(json.keys(), "time level event peer bytes_in duration_s");
  EXPECT_EQ(json.values("level event bytes_in duration_s"),
            "info session_end 18446744073709551615 3600.002001");
  EXPECT_TRUE(std::regex_match(json.values("time"), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)")));
}

TEST(LogRecord, EscapesLineBreaksInMessages) {
  constexpr std::string_view message = "a\nb\tc\x01\x7f\"";
  LogRecord text(LogFormat::text, Severity::notice, "message", message);
  EXPECT_EQ(text.finish(), "a?b?c??\"");
  LogRecord json(LogFormat::json, Severity::notice, "message", message);
  const auto line = json.finish();
  EXPECT_EQ(line.find('\n'), std::string_view::npos);
  EXPECT_EQ(Json(line).values("level event message"), "notice message " + std::string(message));
}

TEST(LogRecord, IsValidJsonEvenIfTooLong) {
  for (const char c : {'x', '"', '\n', '\xff'}) {
    for (const std::size_t size : {1'890U, 1'900U, 1'910U, 1'920U, 10'000U}) {
      LogRecord record(LogFormat::json, Severity::info, "message", std::string(size, c));
      const auto line = record.finish();
      EXPECT_LT(line.size(), LogSink::longest_text);
      EXPECT_EQ(Json(line).values("level"), "info");
    }
  }
  LogRecord record(LogFormat::json, Severity::info, "session_end");
  record.add("peer", std::string(3000, 'x').c_str());
  for (int i = 0; i < 500; ++i) record.add("pid", UINT64_MAX);
  EXPECT_EQ(Json(record.finish()).numbers("pid").back(), 18446744073709551615.0);
}

class LogTest : public ::testing::Test {
 protected:
  CapturedErrors errors;
  Log log;
};

TEST_F(LogTest, FollowsItsVerbosity) {
  log.set_verbosity(Verbosity::quiet);
  log.info("hidden");
  log.answer("answer");
  log.warning("%d of %s", 3, "four");
  log.set_verbosity(Verbosity::normal);
  log.info("info");
  EXPECT_FALSE(log.has_details());
  EXPECT_EQ(errors.read_all(), "tcpserver: answer\ntcpserver: 3 of four\ntcpserver: info\n");
}

TEST_F(LogTest, ShortensLongLinesButKeepsTheNewline) {
  log.info("%s", std::string(5000, 'x').c_str());
  const auto text = errors.read_all();
  EXPECT_LE(text.size(), 1100U);
  EXPECT_GE(text.size(), 1000U);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

// The next line tells too: SystemLog.GetsTheRest...
TEST_F(LogTest, ReportsDroppedLinesWithoutWaitingForALine) {
  log.set_format(LogFormat::json);
  EXPECT_FALSE(log.due().has_value());
  errors.fill();
  log.info("lost");
  log.info("lost too");
  ASSERT_TRUE(log.due().has_value());
  const auto now = base::Clock::now();
  log.after_wait(now);  // still not writable
  EXPECT_GT(*log.due(), now) << "not to be tried again at once";
  static_cast<void>(errors.read_all());
  log.after_wait(now + 1s);
  EXPECT_FALSE(log.due().has_value());
  EXPECT_EQ(log.dropped(), 2U);
  EXPECT_EQ(Json(errors.read_all()).values("level event message"),
            "warning message dropped 2 log lines: stderr was not writable");
}

TEST_F(LogTest, ReportsTheNumberOfSuppressedLines) {
  RateLimit limit(1h);
  const auto before = base::Clock::now() - 2h;
  EXPECT_EQ(limit.let_through(before), 0U);
  EXPECT_EQ(limit.let_through(before + 1h - 1ms), std::nullopt);
  EXPECT_EQ(limit.let_through(before + 1h), 1U);
  EXPECT_EQ(limit.let_through(before + 1h + 1ms), std::nullopt);
  log.limited_warning(limit, "first");
  log.limited_warning(limit, "second");
  EXPECT_EQ(errors.read_all(), "tcpserver: first (and 1 more like this)\n");
}

// A full disk takes half of a line, and later all of the next one.
TEST_F(LogTest, StartsANewLineAfterAPartialOne) {
  const harness::TextFile text;
  const base::UniqueFd file(::open(text.path().c_str(), O_WRONLY | O_CLOEXEC));
  ::dup2(file.get(), STDERR_FILENO);
  Log file_log;
  {
    const harness::FileSizeLimit full(15);
    file_log.info("torn");
    file_log.info("lost");
  }
  file_log.info("whole");
  EXPECT_EQ(harness::contents_of(text.path()),
            "tcpserver: torn\ntcpserver: dropped 2 log lines: stderr was not writable\ntcpserver: whole\n");
  EXPECT_EQ(file_log.dropped(), 2U);
}

// Stands in for syslogd: a socket in a folder of its own.
class SystemLog : public LogTest {
 protected:
  void listen() {
    ::unlink(path.c_str());
    socket_ = base::UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  void open() {
    log.open_system_log(path.c_str());
    log.leave_standard_error();
  }
  // Returns "" if nothing has come.
  std::string next() {
    std::array<char, 4096> text{};
    const auto size = ::recv(socket_.get(), text.data(), text.size(), 0);
    return size <= 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
  }
  static std::string line(int priority, const std::string& text) {
    return "<" + std::to_string(priority) + ">tcpserver[" + std::to_string(::getpid()) + "]: " + text;
  }

  const harness::TemporaryFolder folder;
  const std::string path = folder.path() + "/log";

 private:
  base::UniqueFd socket_;
};

// Facility daemon is 3, severities are 4, 5 and 6 (RFC 3164, section 4.1.1).
TEST_F(SystemLog, ReceivesLinesWithTheirPriority) {
  listen();
  open();
  log.warning("a warning");
  log.answer("asked for");
  log.info("an info");
  EXPECT_EQ(next(), line(28, "a warning"));
  EXPECT_EQ(next(), line(29, "asked for"));
  EXPECT_EQ(next(), line(30, "an info"));
  EXPECT_EQ(next(), "");
  EXPECT_EQ(errors.read_all(), "");
}

TEST_F(SystemLog, ReceivesTheNumberOfLostLinesAfterARestart) {
  open();
  EXPECT_TRUE(errors.read_all().starts_with("tcpserver: the system's log does not answer: "));
  log.info("missed");
  listen();
  log.info("first");
  EXPECT_EQ(next(), line(28, "dropped 2 log lines: the system log was not writable"));
  EXPECT_EQ(next(), line(30, "first"));
  listen();  // another socket at the same place
  log.info("second");
  EXPECT_EQ(next(), line(30, "second"));
}

// syslog(3) would wait here until somebody reads.
TEST_F(SystemLog, DoesNotBlockTheServer) {
  listen();
  open();
  constexpr unsigned far_more_than_fit = 20'000;
  for (unsigned i = 0; i < far_more_than_fit; ++i) log.info("x");
  unsigned taken = 0;
  while (!next().empty()) ++taken;
  EXPECT_EQ(log.dropped(), far_more_than_fit - taken);
  EXPECT_GT(log.dropped(), 0U);
  log.info("again");
  EXPECT_TRUE(harness::contains(next(), "dropped " + std::to_string(far_more_than_fit - taken)));
  EXPECT_EQ(next(), line(30, "again"));
}

}  // namespace
}  // namespace tcpserver::server
