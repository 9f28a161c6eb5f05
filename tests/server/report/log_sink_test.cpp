#include "tcpserver/server/report/log_sink.hpp"

#include "tcpserver/base/unique_fd.hpp"

#include "harness/temporary_folder.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace {

using namespace tcpserver;
using namespace tcpserver::base;
using namespace tcpserver::server;

// Stands in for syslogd: a socket in a folder of its own.
class LogDaemon : public ::testing::Test {
 protected:
  void listen() {
    ::unlink(path.c_str());
    socket_ = base::UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  // Empty: nothing has come.
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
TEST_F(LogDaemon, GetsLinesWithTheirPriority) {
  listen();
  SystemLog log(path.c_str());
  EXPECT_TRUE(log.answers());
  log.take(Severity::warning, "a warning");
  log.take(Severity::notice, "asked for");
  log.take(Severity::info, "an info");
  EXPECT_EQ(next(), line(28, "a warning"));
  EXPECT_EQ(next(), line(29, "asked for"));
  EXPECT_EQ(next(), line(30, "an info"));
  EXPECT_EQ(next(), "");
}

TEST_F(LogDaemon, ThatIsStartedAnewGetsTheRestAndTheNumberOfWhatItMissed) {
  SystemLog log(path.c_str());
  EXPECT_FALSE(log.answers());
  log.take(Severity::info, "missed");
  log.take(Severity::info, "missed, too");
  listen();
  log.take(Severity::info, "first");
  EXPECT_EQ(next(), line(28, "dropped 2 log lines: the system log was not writable"));
  EXPECT_EQ(next(), line(30, "first"));
  listen();  // another socket at the same place
  log.take(Severity::info, "second");
  EXPECT_EQ(next(), line(30, "second"));
}

// syslog(3) would wait here until somebody reads.
TEST_F(LogDaemon, ThatReadsNothingStopsNobody) {
  listen();
  SystemLog log(path.c_str());
  constexpr int far_more_than_fit = 20'000;
  for (int i = 0; i < far_more_than_fit; ++i) log.take(Severity::info, "x");
  int taken = 0;
  while (!next().empty()) ++taken;
  EXPECT_LT(taken, far_more_than_fit);
  log.take(Severity::info, "again");
  EXPECT_EQ(next(), line(28, "dropped " + std::to_string(far_more_than_fit - taken) +
                                 " log lines: the system log was not writable"));
  EXPECT_EQ(next(), line(30, "again"));
}

TEST_F(LogDaemon, GetsWhatIsTooLongCut) {
  listen();
  SystemLog log(path.c_str());
  log.take(Severity::info, std::string(5000, 'x'));
  const auto text = next();
  EXPECT_TRUE(text.starts_with(line(30, "xxx")));
  EXPECT_LT(text.size(), LogSink::longest_line);
  EXPECT_GT(text.size(), LogSink::longest_line - 10);
}

// A full disk takes the half of a line, and later all of the next.
TEST(StandardErrorSink, BeginsANewLineAfterATornOne) {
  const harness::TextFile text;
  const base::UniqueFd file(::open(text.path().c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(file);
  const base::UniqueFd saved(::dup(STDERR_FILENO));
  ::dup2(file.get(), STDERR_FILENO);
  StandardError log;
  const auto put_under_limit = [&log](rlim_t limit, const char* line) {
    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    const rlimit lower{.rlim_cur = limit, .rlim_max = old.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &lower);
    log.take(Severity::info, line);
    ::setrlimit(RLIMIT_FSIZE, &old);
  };
  auto* const old_handler = ::signal(SIGXFSZ, SIG_IGN);
  put_under_limit(15, "torn");
  put_under_limit(15, "lost");
  log.take(Severity::info, "whole");
  ::signal(SIGXFSZ, old_handler);
  ::dup2(saved.get(), STDERR_FILENO);
  EXPECT_EQ(harness::contents_of(text.path()),
            "tcpserver: torn\ntcpserver: dropped 2 log lines: stderr was not writable\n"
            "tcpserver: whole\n");
  EXPECT_EQ(log.dropped(), 2U);
}

}  // namespace
