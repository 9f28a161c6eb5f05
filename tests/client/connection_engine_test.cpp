#include "tcpserver/client/connection_engine.hpp"

#include "client/bound.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::client;
using namespace std::chrono_literals;

std::string make_request(std::size_t size) {
  std::string bytes(size, ' ');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i * 7 % 26);
  return bytes;
}

// Opens as many connections as possible, exchanges a number of rounds on each, and records the events.
class Recorder final : public ConnectionHandler {
 public:
  std::string_view bytes_to_send(const Connection&, std::uint64_t offset, std::size_t size) const override {
    return std::string_view(request).substr(offset, std::min(size, piece));
  }
  std::string_view bytes_expected(const Connection&, std::uint64_t offset, std::size_t size) const override {
    return std::string_view(request).substr(offset, size);
  }
  TimePoint open_due() override {
    while (engine->can_open()) engine->open(request.size(), Clock::now(), holds);
    return TimePoint::max();
  }
  void on_tick() override { ticks += 1; }
  void on_connected(const Connection&) override {
    connected_at = Clock::now();
    most_open = std::max(most_open, engine->open_count());
  }
  void on_address_failed(const Connection&, int error) override { address_errors.push_back(error); }
  void on_sent(const Connection&) override { sent_at = Clock::now(); }
  void on_reply(Connection& connection) override {
    ++replies;
    if (half_close) return;
    if (connection.round + 1 < rounds) return engine->begin_round(connection, Clock::now());
    engine->close(connection);
  }
  void on_failed(const Connection& connection, const Fault& its) override {
    fault = its;
    fault->bytes = {};
    received = connection.received;
    ++failures;
  }
  void on_closed(const Connection&) override { ++closed; }

  ConnectionEngine* engine = nullptr;
  std::string request = make_request(100);
  std::size_t piece = 1000;
  std::uint64_t rounds = 1;
  bool holds = false;
  bool half_close = true;
  int ticks = 0, replies = 0, failures = 0, closed = 0;
  std::uint32_t most_open = 0;
  std::uint64_t received = 0;
  TimePoint connected_at, sent_at;
  std::vector<int> address_errors;
  std::optional<Fault> fault;
};

// Serves connections one after the other.
using Serve = std::function<void(int connection)>;

class ConnectionEngineTest : public ::testing::Test {
 protected:
  // Runs a number of connections against this server. Returns the signal.
  int run(const Serve& serve, std::uint64_t connections = 1) {
    const Bound listener("127.0.0.1", true);
    ::listen(listener.fd.get(), 16);
    std::jthread server([&, fd = listener.fd.get()] {
      for (std::uint64_t i = 0; i < connections && serve; ++i) {
        const UniqueFd connection(::accept(fd, nullptr, nullptr));
        serve(connection.get());
      }
    });
    settings.addresses.push_back(listener.address);
    settings.connections = connections;
    settings.half_close = recorder.half_close;
    ConnectionEngine engine(settings, recorder);
    recorder.engine = &engine;
    const int signal = engine.run();
    stalled = engine.stalled();
    return signal;
  }

  static std::string read_bytes(int connection, std::size_t size) {
    std::string bytes(size, '\0');
    bytes.resize(static_cast<std::size_t>(::recv(connection, bytes.data(), size, MSG_WAITALL)));
    return bytes;
  }
  static void answer(int connection, const std::string& bytes) {
    EXPECT_EQ(::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  static void echo(int connection) {
    for (std::string bytes; !(bytes = read_bytes(connection, 100)).empty();) answer(connection, bytes);
  }

  EngineSettings settings{.addresses = {}, .open = 1, .buffer = 1000, .timeout = 10s, .tick = 10ms};
  Recorder recorder;
  bool stalled = false;
};

TEST_F(ConnectionEngineTest, AcceptsCorrectBytesInAnyPieces) {
  recorder.piece = 30;
  EXPECT_EQ(run([](int connection) {
              const auto bytes = read_bytes(connection, 100);
              for (const auto& part : {bytes.substr(0, 1), bytes.substr(1, 98), bytes.substr(99)}) {
                answer(connection, part);
                std::this_thread::sleep_for(1ms);
              }
            }),
            0);
  EXPECT_EQ(recorder.replies, 1);
  EXPECT_EQ(recorder.closed, 1);
  EXPECT_EQ(recorder.failures, 0);
}

TEST_F(ConnectionEngineTest, DetectsTheFirstWrongByte) {
  for (const std::size_t at : {0U, 57U, 99U, 100U}) {
    SCOPED_TRACE(at);
    settings.addresses.clear();
    run([at](int connection) {
      auto bytes = read_bytes(connection, 100) + "!";
      bytes[at] = static_cast<char>(bytes[at] ^ 1);
      answer(connection, bytes);
    });
    ASSERT_TRUE(recorder.fault);
    EXPECT_EQ(recorder.fault->kind, Fault::Kind::wrong_bytes);
    EXPECT_EQ(recorder.fault->at, at);
    EXPECT_EQ(recorder.fault->too_long, at == 100);
  }
}

TEST_F(ConnectionEngineTest, DetectsAReplyBeforeTheRequest) {
  recorder.holds = true;
  settings.hold = 10s;
  run([this](int connection) {
    answer(connection, recorder.request);
    read_bytes(connection, 1);
  });
  ASSERT_TRUE(recorder.fault);
  EXPECT_TRUE(recorder.fault->too_long);
  EXPECT_EQ(recorder.fault->at, 0U);
}

TEST_F(ConnectionEngineTest, DetectsAnEarlyClose) {
  run([](int connection) { answer(connection, read_bytes(connection, 100).substr(0, 40)); });
  ASSERT_TRUE(recorder.fault);
  EXPECT_EQ(recorder.fault->kind, Fault::Kind::closed);
  EXPECT_EQ(recorder.received, 40U);
}

TEST_F(ConnectionEngineTest, HoldsBeforeItSends) {
  recorder.holds = true;
  settings.hold = 20ms;
  run(echo);
  EXPECT_EQ(recorder.replies, 1);
  EXPECT_GE(recorder.sent_at - recorder.connected_at, 20ms);
}

TEST_F(ConnectionEngineTest, KeepsToItsConcurrency) {
  recorder.half_close = false;
  recorder.rounds = 3;
  settings.open = 3;
  run(echo, 20);
  EXPECT_EQ(recorder.replies, 60);
  EXPECT_LE(recorder.most_open, 3U);
}

TEST_F(ConnectionEngineTest, GivesUpASilentConnection) {
  settings.timeout = 50ms;
  const auto before = Clock::now();
  run([](int connection) {
    echo(connection);
    std::this_thread::sleep_for(150ms);
  });
  EXPECT_GE(Clock::now() - before, 50ms);
  ASSERT_TRUE(recorder.fault) << "the reply came, but the server did not close";
  EXPECT_EQ(recorder.fault->kind, Fault::Kind::timed_out);
  EXPECT_FALSE(stalled);
}

TEST_F(ConnectionEngineTest, StopsWhenTheServerIsSilent) {
  settings.timeout = 50ms;
  settings.stop_when_silent = true;
  settings.open = 2;
  run(nullptr, 9);
  EXPECT_TRUE(stalled);
  EXPECT_EQ(recorder.failures, 2) << "the open connections";
}

TEST_F(ConnectionEngineTest, TriesTheNextAddress) {
  const Bound refusing("127.0.0.2", false);
  for (const bool one_address : {false, true}) {
    recorder.address_errors.clear();
    settings.addresses = {refusing.address};
    settings.one_address = one_address;
    run(echo, 3);
    EXPECT_EQ(recorder.address_errors, std::vector<int>(one_address ? 1 : 3, ECONNREFUSED));
  }
  EXPECT_EQ(recorder.replies, 6);
}

TEST_F(ConnectionEngineTest, ReturnsTheSignalThatStoppedIt) {
  recorder.half_close = false;
  EXPECT_EQ(run([main = ::pthread_self()](int connection) {
              read_bytes(connection, 1);
              ::pthread_kill(main, SIGTERM);
              read_bytes(connection, 1000);  // until the engine closes
            }),
            SIGTERM);
  EXPECT_EQ(recorder.failures + recorder.replies, 0);
}

}  // namespace
