#include "tcpserver/server/session/session_loop.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

// A SessionLoop whose calls have the results that a test chooses, such as those of a full disk or a signal.
namespace tcpserver::server {
namespace {

using base::Verb;

constexpr int record_file = 7;

struct Script {
  std::vector<std::string> sent;  // what the client sends
  std::vector<long> saves;        // the result of each write to the file; then all are complete
  std::size_t read = 0;
  std::size_t saved = 0;
  std::string file;
  std::string answer;
  std::vector<std::string> order;  // the calls in their order
};

constexpr int connection = 5;

struct ScriptedCalls {
  static constexpr bool may_block = true;
  static void set_reset_on_close(int, bool) {}
  Script* script;

  long read(int, char* buffer, std::size_t size) const noexcept {
    if (script->read == script->sent.size()) return 0;
    const auto& bytes = script->sent[script->read++];
    EXPECT_LE(bytes.size(), size);
    std::memcpy(buffer, bytes.data(), bytes.size());
    return static_cast<long>(bytes.size());
  }
  long write(int fd, const char* bytes, std::size_t size) const noexcept {
    const bool saves = fd == record_file;
    script->order.emplace_back(saves ? "save" : "write");
    long result = static_cast<long>(size);
    if (saves && script->saved++ < script->saves.size()) result = script->saves[script->saved - 1];
    EXPECT_LE(result, static_cast<long>(size));
    if (result > 0) (saves ? script->file : script->answer).append(bytes, static_cast<std::size_t>(result));
    return result;
  }
};

class Recorded : public ::testing::Test {
 protected:
  void run(Verb verb = Verb::echo, std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) {
    char buffer[64];
    SessionLoop<ScriptedCalls> loop({&script}, connection, verb, record,
                                    {.descriptor = record_file, .room = limit});
    EXPECT_EQ(loop.run(buffer, sizeof buffer), SessionEnd::client_closed);
    EXPECT_EQ(record.recorded, script.file.size());
    EXPECT_EQ(record.error, 0) << "the session's own";
    EXPECT_EQ(record.out, record.in);
  }

  Script script;
  SessionRecord record{};
};

TEST_F(Recorded, SavesEachChunkBeforeReplying) {
  script.sent = {"one", "two"};
  run(Verb::upper);
  EXPECT_EQ(script.file, "onetwo");
  EXPECT_EQ(script.answer, "ONETWO");
  EXPECT_EQ(script.order, (std::vector<std::string>{"save", "write", "save", "write"}));
}

TEST_F(Recorded, SavesNothingWithoutAFile) {
  script.sent = {"one"};
  char buffer[64];
  EXPECT_EQ(SessionLoop<ScriptedCalls>({&script}, connection, Verb::echo, record).run(buffer, sizeof buffer),
            SessionEnd::client_closed);
  EXPECT_EQ(script.order, std::vector<std::string>{"write"});
}

TEST_F(Recorded, IsCompleteAfterShortAndInterruptedWrites) {
  script.sent = {"0123456789", "abc"};
  script.saves = {4, -EINTR, 1, 5, -EINTR};
  run();
  EXPECT_EQ(script.file, "0123456789abc");
  EXPECT_EQ(record.recording_error, 0);
}

TEST_F(Recorded, EndsAtTheFirstFailureWhileTheSessionContinues) {
  for (const int error : {ENOSPC, EDQUOT, EIO, EFBIG, EBADF}) {
    script = {};
    script.sent = {"0123456789", "abc", "def"};
    script.saves = {4, -error};
    record.reset();
    run();
    EXPECT_EQ(script.file, "0123");
    EXPECT_EQ(script.answer, "0123456789abcdef");
    EXPECT_EQ(record.recording_error, error);
    EXPECT_EQ(script.saved, 2U) << "a file with a hole in its middle would lie";
  }
}

// Otherwise it would try forever.
TEST_F(Recorded, EndsIfAWriteReturnsZero) {
  script.sent = {"0123456789", "abc"};
  script.saves = {4, 0};
  run();
  EXPECT_EQ(script.file, "0123");
  EXPECT_EQ(script.saved, 2U);
}

TEST_F(Recorded, EndsExactlyAtTheLimit) {
  for (std::size_t limit = 0; limit < 12; ++limit) {
    script = {};
    script.sent = {"0123", "4567", "89"};
    if (limit >= 3) script.saves = {3};
    record.reset();
    run(Verb::echo, limit);
    EXPECT_EQ(script.file, std::string("0123456789").substr(0, limit)) << limit;
    EXPECT_EQ(script.answer, "0123456789");
    EXPECT_EQ(record.recording_error, 0) << "that is no failure";
  }
}

// A connection on which TCP_USER_TIMEOUT has expired.
struct FailingCalls {
  static constexpr bool may_block = true;
  long failure;

  static void set_reset_on_close(int, bool) {}
  [[nodiscard]] long read(int, char*, std::size_t) const noexcept { return failure; }
  [[nodiscard]] long write(int, const char*, std::size_t) const noexcept { return failure; }
};

TEST(SessionLoopFailure, CountsETIMEDOUTAsIdleTimeout) {
  char buffer[16];
  const auto end_after = [&](int error) {
    SessionRecord record{};
    return SessionLoop<FailingCalls>({-error}, connection, Verb::echo, record).run(buffer, sizeof buffer);
  };
  EXPECT_EQ(end_after(ETIMEDOUT), SessionEnd::idle_timeout);
  EXPECT_EQ(end_after(ECONNRESET), SessionEnd::reset);
  EXPECT_EQ(end_after(EIO), SessionEnd::broken);
}

}  // namespace
}  // namespace tcpserver::server
