#include "tcpserver/server/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace {

using namespace tcpserver::server;
using namespace std::chrono_literals;

// Puts a pipe in the place of standard error.
class Captured {
 public:
  Captured() : saved_(::dup(STDERR_FILENO)) {
    EXPECT_EQ(::pipe2(ends_.data(), O_NONBLOCK), 0);
    ::dup2(ends_[1], STDERR_FILENO);
  }
  ~Captured() {
    restore();
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void restore() {
    if (saved_ < 0) return;
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    saved_ = -1;
  }
  void fill() {
    const std::string block(4096, '.');
    while (::write(ends_[1], block.data(), block.size()) > 0) {
    }
  }
  std::string read_all() {
    std::string text;
    std::array<char, 65536> part{};
    for (ssize_t count = 0; (count = ::read(ends_[0], part.data(), part.size())) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  std::array<int, 2> ends_{};
  int saved_;
};

TEST(Log, WritesOneLineWithTheProgramsName) {
  Captured captured;
  Log log;
  log.info("%d of %s", 3, "four");
  captured.restore();
  EXPECT_EQ(captured.read_all(), "tcpserver: 3 of four\n");
}

TEST(Log, CutsALineThatIsTooLongButKeepsItsEnd) {
  Captured captured;
  Log log;
  log.info("%s", std::string(5000, 'x').c_str());
  captured.restore();
  const auto text = captured.read_all();
  EXPECT_LE(text.size(), 1024U);
  EXPECT_GE(text.size(), 1000U);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(Log, DropsLinesWhenTheReaderStallsAndSaysHowMany) {
  Captured captured;
  Log log;
  captured.fill();
  log.info("lost");
  log.info("lost too");
  static_cast<void>(captured.read_all());
  log.info("here again");
  captured.restore();
  EXPECT_EQ(
      captured.read_all(),
      "tcpserver: 2 lines of this log were dropped: standard error took nothing\ntcpserver: here again\n");
}

TEST(RateLimit, LetsOneThroughPerIntervalAndCountsTheRest) {
  RateLimit limit(1s);
  const auto start = tcpserver::posix::Clock::now();
  EXPECT_TRUE(limit.allows(start));
  EXPECT_FALSE(limit.allows(start + 1ms));
  EXPECT_FALSE(limit.allows(start + 999ms));
  EXPECT_TRUE(limit.allows(start + 1s));
  EXPECT_EQ(limit.take_held_back(), 2U);
  EXPECT_EQ(limit.take_held_back(), 0U);
}

TEST(Log, SaysHowManyLinesWereHeldBack) {
  Captured captured;
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
