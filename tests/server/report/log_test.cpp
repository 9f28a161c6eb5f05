#include "tcpserver/server/report/log.hpp"

#include "tcpserver/base/unique_fd.hpp"

#include "harness/captured_errors.hpp"
#include "harness/file_size_limit.hpp"
#include "harness/json.hpp"
#include "harness/temporary_directory.hpp"
#include "harness/text.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
  LogRecord text(LogFormat::text, Severity::notice, LogEvent{"odd"}, message);
  EXPECT_EQ(text.finish(), "a?b?c??\"");
  LogRecord json(LogFormat::json, Severity::notice, LogEvent{"odd"}, message);
  const auto line = json.finish();
  EXPECT_EQ(line.find('\n'), std::string_view::npos);
  EXPECT_EQ(Json(line).values("level event message"), "notice odd " + std::string(message));
}

TEST(LogRecord, IsValidJsonEvenIfTooLong) {
  for (const char c : {'x', '"', '\n', '\xff'}) {
    for (const std::size_t size : {1'890U, 1'900U, 1'910U, 1'920U, 10'000U}) {
      LogRecord record(LogFormat::json, Severity::info, LogEvent{"long"}, std::string(size, c));
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

TEST(LogRecord, ShowsMessageDataOnlyInJson) {
  const auto line = [](LogFormat format) {
    LogRecord record(format, Severity::warning, {"fork_error", {{"errno", "EAGAIN"}, {"open", 3U}}},
                     "fork: no");
    return std::string(record.finish());
  };
  EXPECT_EQ(line(LogFormat::text), "fork: no");
  const Json json(line(LogFormat::json));
  EXPECT_EQ(json.keys(), "time level event errno open message");
  EXPECT_EQ(json.values("event errno open message"), "fork_error EAGAIN 3 fork: no");
}

class LogTest : public ::testing::Test {
 protected:
  CapturedErrors errors;
  Log log;
};

TEST_F(LogTest, FollowsItsVerbosity) {
  log.set_verbosity(Verbosity::quiet);
  log.info(LogEvent{"test"}, "hidden");
  log.notice({"status", {{"open", 1}}}, "answer");
  log.warning(LogEvent{"test"}, "%d of %s", 3, "four");
  log.set_verbosity(Verbosity::normal);
  log.info(LogEvent{"test"}, "info");
  EXPECT_FALSE(log.has_details());
  EXPECT_EQ(errors.read_all(), "tcpserver: answer\ntcpserver: 3 of four\ntcpserver: info\n");
}

TEST_F(LogTest, ShortensLongLinesButKeepsTheNewline) {
  log.info(LogEvent{"test"}, "%s", std::string(5000, 'x').c_str());
  const auto text = errors.read_all();
  EXPECT_LE(text.size(), 1100U);
  EXPECT_GE(text.size(), 1000U);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

// SystemLog.ReceivesTheNumberOfLostLinesAfterARestart tests the report before another line.
TEST_F(LogTest, ReportsDroppedLinesWithoutWaitingForALine) {
  log.set_format(LogFormat::json);
  EXPECT_FALSE(log.due().has_value());
  errors.fill();
  log.info(LogEvent{"test"}, "lost");
  log.info(LogEvent{"test"}, "lost too");
  ASSERT_TRUE(log.due().has_value());
  const auto now = base::Clock::now();
  log.after_wait(now);  // still not writable
  EXPECT_GT(*log.due(), now) << "the next try is later";
  static_cast<void>(errors.read_all());
  log.after_wait(now + 1s);
  EXPECT_FALSE(log.due().has_value());
  EXPECT_EQ(log.dropped(), 2U);
  EXPECT_EQ(Json(errors.read_all()).values("level event message"),
            "warning log_lines_dropped dropped 2 log lines: stderr was not writable");
}

TEST_F(LogTest, ReportsTheNumberOfSuppressedLines) {
  RateLimit limit(1h);
  const auto before = base::Clock::now() - 2h;
  EXPECT_EQ(limit.let_through(before), 0U);
  EXPECT_EQ(limit.let_through(before + 1h - 1ms), std::nullopt);
  EXPECT_TRUE(limit.suppresses(before + 1h - 1ms));
  EXPECT_FALSE(limit.suppresses(before + 1h));
  EXPECT_EQ(limit.let_through(before + 1h), 2U);
  EXPECT_EQ(limit.let_through(before + 1h + 1ms), std::nullopt);
  log.limited_warning(limit, LogEvent{"test"}, "first");
  log.limited_warning(limit, LogEvent{"test"}, "second");
  EXPECT_EQ(errors.read_all(), "tcpserver: first (1 similar messages suppressed)\n");
}

// Sets a variable of the environment, and removes it at the end.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST_F(LogTest, BeginsALineOfTextWithTheLocalTime) {
  const Variable zone("TZ", "TEST-5:30");
  const std::string time = R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+05:30 )";
  for (const auto setting : {LogTime::automatic, LogTime::on}) {
    log.set_time(setting);
    log.info(LogEvent{"test"}, "hello");
    EXPECT_TRUE(std::regex_match(errors.read_all(), std::regex(time + "tcpserver: hello\n")));
  }
  log.set_time(LogTime::off);
  log.info(LogEvent{"test"}, "hello");
  EXPECT_EQ(errors.read_all(), "tcpserver: hello\n");
  log.set_time(LogTime::on);
  log.set_format(LogFormat::json);
  log.info(LogEvent{"test"}, "hello");
  EXPECT_TRUE(errors.read_all().starts_with("{")) << "it has the key time";
}

TEST_F(LogTest, LeavesTheTimeToTheJournal) {
  struct stat status {};
  ASSERT_EQ(::fstat(STDERR_FILENO, &status), 0);
  const Variable stream("JOURNAL_STREAM",
                        std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino));
  Log journal;
  journal.set_time(LogTime::automatic);
  journal.info(LogEvent{"test"}, "hello");
  EXPECT_EQ(errors.read_all(), "<6>tcpserver: hello\n");
}

TEST_F(LogTest, WrapsLinesOnATerminalAtBlanks) {
  const Variable kind("TERM", "xterm");
  const base::UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  ASSERT_EQ(::unlockpt(master.get()), 0);
  const base::UniqueFd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  const winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::ioctl(terminal.get(), TIOCSWINSZ, &size), 0);
  ::dup2(terminal.get(), STDERR_FILENO);
  Log wrapped;
  wrapped.set_time(LogTime::on);
  std::string message = "begin";
  for (int i = 0; i < 30; ++i) message += " word" + std::to_string(i);
  wrapped.info(LogEvent{"test"}, "%s", message.c_str());
  std::array<char, 2000> text{};
  ASSERT_GT(::read(master.get(), text.data(), text.size()), 0);
  std::string shown = text.data();
  std::erase(shown, '\r');
  for (const auto& line : harness::split_lines(shown)) EXPECT_LT(line.size(), 80U) << line;
  EXPECT_GE(harness::occurrences(shown, "\n    word"), 3U) << shown;
  EXPECT_TRUE(std::regex_search(shown, std::regex(R"(^\d\d:\d\d:\d\d\.\d{3} tcpserver: begin word0 )")))
      << shown;
  EXPECT_TRUE(harness::contains(harness::in_one_line(shown), message));
}

// The disk becomes full in the middle of a line.
TEST_F(LogTest, StartsANewLineAfterAPartialOne) {
  const harness::TextFile text;
  const base::UniqueFd file(::open(text.path().c_str(), O_WRONLY | O_CLOEXEC));
  ::dup2(file.get(), STDERR_FILENO);
  Log file_log;
  {
    const harness::FileSizeLimit full(15);
    file_log.info(LogEvent{"test"}, "torn");
    file_log.info(LogEvent{"test"}, "lost");
  }
  file_log.info(LogEvent{"test"}, "whole");
  EXPECT_EQ(harness::read_text(text.path()),
            "tcpserver: torn\ntcpserver: dropped 2 log lines: stderr was not writable\ntcpserver: whole\n");
  EXPECT_EQ(file_log.dropped(), 2U);
}

// Replaces syslogd with a socket in a temporary directory.
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
  // Returns "" if nothing was received.
  std::string next() {
    std::array<char, 4096> text{};
    const auto size = ::recv(socket_.get(), text.data(), text.size(), 0);
    return size <= 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
  }
  static std::string line(int priority, const std::string& text) {
    return "<" + std::to_string(priority) + ">tcpserver[" + std::to_string(::getpid()) + "]: " + text;
  }

  const harness::TemporaryDirectory directory;
  const std::string path = directory.path() + "/log";

 private:
  base::UniqueFd socket_;
};

// Facility daemon is 3, severities are 4, 5 and 6 (RFC 3164, section 4.1.1).
TEST_F(SystemLog, ReceivesLinesWithTheirPriority) {
  listen();
  open();
  log.warning(LogEvent{"test"}, "a warning");
  log.notice({"status", {{"open", 1}}}, "asked for");
  log.info(LogEvent{"test"}, "an info");
  EXPECT_EQ(next(), line(28, "a warning"));
  EXPECT_EQ(next(), line(29, "asked for"));
  EXPECT_EQ(next(), line(30, "an info"));
  EXPECT_EQ(next(), "");
  EXPECT_EQ(errors.read_all(), "");
}

TEST_F(SystemLog, ReceivesTheNumberOfLostLinesAfterARestart) {
  open();
  EXPECT_TRUE(errors.read_all().starts_with("tcpserver: syslog: "));
  log.info(LogEvent{"test"}, "missed");
  listen();
  log.info(LogEvent{"test"}, "first");
  EXPECT_EQ(next(), line(28, "dropped 2 log lines: syslog was not writable"));
  EXPECT_EQ(next(), line(30, "first"));
  listen();  // another socket at the same path
  log.info(LogEvent{"test"}, "second");
  EXPECT_EQ(next(), line(30, "second"));
}

// syslog(3) would block until the socket is read.
TEST_F(SystemLog, DoesNotBlockTheServer) {
  listen();
  open();
  constexpr unsigned far_more_than_fit = 20'000;
  for (unsigned i = 0; i < far_more_than_fit; ++i) log.info(LogEvent{"test"}, "x");
  unsigned taken = 0;
  while (!next().empty()) ++taken;
  EXPECT_EQ(log.dropped(), far_more_than_fit - taken);
  EXPECT_GT(log.dropped(), 0U);
  log.info(LogEvent{"test"}, "again");
  EXPECT_TRUE(harness::contains(next(), "dropped " + std::to_string(far_more_than_fit - taken)));
  EXPECT_EQ(next(), line(30, "again"));
}

}  // namespace
}  // namespace tcpserver::server
