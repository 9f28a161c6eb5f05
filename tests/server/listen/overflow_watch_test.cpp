#include "tcpserver/server/listen/overflow_watch.hpp"

#include "tcpserver/kernel/socket_facts.hpp"

#include "harness/captured_errors.hpp"
#include "harness/text.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::kernel;
using namespace tcpserver::server;
using namespace std::chrono_literals;
using tcpserver::server::Mode;

std::string advice(const OverflowScene& scene) {
  return overflow_advice(scene).c_str();
}

constexpr OverflowScene short_queue{
    .mode = Mode::fork, .full = false, .max_connections = 9, .backlog = 7, .in_effect = 7, .largest = 128};

TEST(OverflowAdvice, NamesWhatHelps) {
  EXPECT_EQ(advice(short_queue), "raise --backlog (tcpbacklog size says how far)");
  auto scene = short_queue;
  scene.full = true;
  EXPECT_EQ(advice(scene), "with all 9 places taken nobody is accepted: raise --max-connections");
  scene.mode = Mode::iterative;
  EXPECT_EQ(advice(scene), "one client is served at a time; --mode fork takes them as they come");
  scene = short_queue;
  scene.backlog = 128;
  scene.in_effect = 64;
  EXPECT_EQ(advice(scene), "the kernel cut --backlog 128 to that: raise net.core.somaxconn");
  scene.in_effect = 128;
  EXPECT_EQ(advice(scene), "that is SOMAXCONN, the longest there is: a second server has to take the rest");
}

TEST(OverflowAdvice, HasRoomForTheLargestFigures) {
  auto scene = short_queue;
  scene.full = true;
  scene.max_connections = UINT32_MAX;
  EXPECT_TRUE(advice(scene).ends_with("raise --max-connections"));
  scene = short_queue;
  scene.backlog = INT32_MAX;
  EXPECT_TRUE(advice(scene).ends_with("raise net.core.somaxconn"));
}

TEST(OverflowWatch, OfNoListenersHasNothingToDo) {
  OverflowWatch watch({});
  EXPECT_FALSE(watch.due(true).has_value());
  EXPECT_FALSE(watch.dropped({}).has_value());
}

// A listener whose queue one client fills, and clients that it drops.
class OverflowWatchOfOne : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listening = open_listeners(
        {.addresses = {*tcpserver::base::SocketAddress::parse("127.0.0.1", 0)}, .port = 0, .backlog = 1});
    listeners = std::move(listening.listeners);
    scene.backlog = 1;
    connect_more(2);
  }
  void connect_more(int count) {
    for (int i = 0; i < count; ++i) {
      clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      static_cast<void>(
          ::connect(clients.back().get(), listeners[0].address.get(), listeners[0].address.size()));
    }
  }
  // The lines that the watch says at this time.
  std::string said_at(std::chrono::seconds time) {
    CapturedErrors captured;
    Log log;
    watch->after_wait(start + time, listeners, scene, log);
    captured.restore();
    return captured.read_all();
  }
  static int number_in(const std::string& text) {
    const auto at = text.find("overflowed: ");
    return at == std::string::npos ? 0 : std::atoi(text.c_str() + at + 12);
  }

  std::vector<Listener> listeners;
  std::vector<tcpserver::base::UniqueFd> clients;
  std::optional<OverflowWatch> watch;
  OverflowScene scene = short_queue;
  tcpserver::base::TimePoint start = tcpserver::base::Clock::now();
};

TEST_F(OverflowWatchOfOne, LooksOnceASecondAndReportsOnceAMinuteEveryDropOnce) {
  watch.emplace(listeners);
  EXPECT_EQ(said_at(0s), "");
  EXPECT_FALSE(watch->due(false).has_value()) << "nothing happened since";
  EXPECT_EQ(watch->due(true), start + 1s) << "nobody accepts, so it looks again";
  connect_more(5);
  EXPECT_EQ(said_at(0s), "") << "too early to look";
  EXPECT_EQ(watch->due(false), start + 1s) << "but it will";
  const int first = number_in(said_at(1s));
  EXPECT_GE(first, 5);
  connect_more(3);
  EXPECT_EQ(said_at(2s), "") << "too early to say";
  EXPECT_EQ(watch->due(false), start + 61s) << "but it will";
  EXPECT_EQ(said_at(60s), "");
  const int second = number_in(said_at(61s));
  EXPECT_GE(second, 3);
  // Clients send their SYNs again at any time: the sum is the kernel's at most.
  EXPECT_LE(first + second, static_cast<int>(*watch->dropped(listeners)));
  EXPECT_LE(*watch->dropped(listeners), *tcpserver::kernel::dropped_by_listener(listeners[0].fd.get()));
  clients.clear();
  EXPECT_LE(number_in(said_at(200s)), static_cast<int>(*watch->dropped(listeners)) - first - second);
  EXPECT_EQ(said_at(400s), "") << "each drop is said once";
  EXPECT_FALSE(watch->due(false).has_value());
}

TEST_F(OverflowWatchOfOne, RemembersThatTheServerWasFull) {
  watch.emplace(listeners);
  EXPECT_EQ(said_at(0s), "");
  connect_more(2);
  scene.full = true;
  EXPECT_EQ(said_at(0s), "");
  scene.full = false;
  EXPECT_TRUE(contains(said_at(1s), "raise --max-connections"));
  connect_more(2);
  EXPECT_TRUE(contains(said_at(100s), "raise --backlog")) << "once";
}

TEST_F(OverflowWatchOfOne, SaysTheRestBeforeTheListenersAreClosed) {
  watch.emplace(listeners);
  EXPECT_EQ(said_at(0s), "");
  connect_more(2);
  EXPECT_NE(said_at(1s), "");
  connect_more(4);
  CapturedErrors captured;
  Log log;
  watch->before_closing(listeners, scene, log);
  captured.restore();
  EXPECT_GE(number_in(captured.read_all()), 4);
  const auto sum = watch->dropped(listeners);
  EXPECT_EQ(watch->dropped({}), sum) << "known when they are closed, too";
}

// A listener also counts drops without an overflow, which any client can cause.
TEST_F(OverflowWatchOfOne, IgnoresDropsWithoutAnOverflow) {
  static_cast<void>(::accept(listeners[0].fd.get(), nullptr, nullptr));
  static_cast<void>(::accept(listeners[0].fd.get(), nullptr, nullptr));
  const auto drops = [this] { return *tcpserver::kernel::dropped_by_listener(listeners[0].fd.get()); };
  const auto overflows = [] { return tcpserver::kernel::listen_counters()->overflows; };
  watch.emplace(listeners);
  const auto drops_before = drops();
  const auto overflows_before = overflows();
  clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  tcp_md5sig signature{};
  std::memcpy(&signature.tcpm_addr, listeners[0].address.get(), listeners[0].address.size());
  signature.tcpm_keylen = 3;
  std::memcpy(signature.tcpm_key, "key", 3);
  if (::setsockopt(clients.back().get(), IPPROTO_TCP, TCP_MD5SIG, &signature, sizeof signature) != 0) {
    GTEST_SKIP() << "this kernel has no TCP_MD5SIG";
  }
  static_cast<void>(::connect(clients.back().get(), listeners[0].address.get(), listeners[0].address.size()));
  if (drops() == drops_before) GTEST_SKIP() << "this kernel does not count a wrong signature";
  const auto line = said_at(1s);
  const auto sum = watch->dropped(listeners);
  if (overflows() != overflows_before)
    GTEST_SKIP() << "another listener of this machine overflowed meanwhile";
  EXPECT_EQ(line, "");
  EXPECT_EQ(sum, 0U);
}

}  // namespace
