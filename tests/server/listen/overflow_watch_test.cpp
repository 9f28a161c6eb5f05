#include "tcpserver/server/listen/overflow_watch.hpp"

#include "tcpserver/kernel/socket_facts.hpp"

#include "harness/captured_errors.hpp"
#include "harness/json.hpp"
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

ServerOptions options_with_backlog(std::uint64_t backlog) {
  ServerOptions options;
  options.bind = {*tcpserver::base::SocketAddress::parse("127.0.0.1", 0)};
  options.port = 0;
  options.max_connections = 9;
  options.backlog = BacklogRequest{backlog, std::to_string(backlog), "--backlog"};
  return options;
}

TEST(OverflowAdvice, NamesTheOptionToChange) {
  Log log;
  const auto options = options_with_backlog(7);
  const Listeners listeners(options, log);
  const auto advice = [&](const ServerOptions& changed, bool full, std::uint32_t limit) {
    return std::string(overflow_advice(changed, listeners, full, limit).c_str());
  };
  EXPECT_TRUE(contains(advice(options, false, 7), "raise --backlog"));
  const auto largest = options_with_backlog(SOMAXCONN);
  const auto kernel_limit = static_cast<std::uint32_t>(somaxconn_sysctl().value());
  EXPECT_TRUE(contains(advice(largest, false, 64), "net.core.somaxconn is now")) << "raised after listen";
  EXPECT_TRUE(contains(advice(largest, false, SOMAXCONN),
                       kernel_limit > SOMAXCONN ? "use --backlog max" : "add a second server"));
  auto asks_max = largest;
  asks_max.backlog->max = true;
  EXPECT_TRUE(
      contains(advice(asks_max, false, kernel_limit), "raise net.core.somaxconn, or add a second server"));
  auto changed = options;
  changed.max_connections = UINT32_MAX;
  EXPECT_TRUE(contains(advice(changed, true, 7), "raise --max-connections"));
  changed.mode = Mode::iterative;
  EXPECT_TRUE(contains(advice(changed, true, 7), "--mode fork"));
}

// One listener whose queue is full, and clients that it drops.
class OverflowWatchTest : public ::testing::Test {
 protected:
  OverflowWatchTest() {
    connect_more(2);
    static_cast<void>(captured.read_all());  // what the listeners logged
  }

  void connect_more(int count) {
    for (int i = 0; i < count; ++i) {
      clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      static_cast<void>(::connect(clients.back().get(), listeners.all()[0].address.get(),
                                  listeners.all()[0].address.size()));
    }
  }
  // Returns the lines that the watch logs at this time.
  std::string logged_at(std::chrono::seconds time) {
    watch->after_wait(start + time, full);
    return captured.read_all();
  }
  static int number_in(const std::string& text) {
    const std::string before = " was full: ";
    const auto at = text.find(before);
    return at == std::string::npos ? 0 : std::atoi(text.c_str() + at + before.size());
  }

  ServerOptions options = options_with_backlog(1);
  CapturedErrors captured;
  Log log;  // writes to the standard error of its construction
  Listeners listeners{options, log};
  std::vector<tcpserver::base::UniqueFd> clients;
  std::optional<OverflowWatch> watch;
  bool full = false;
  tcpserver::base::TimePoint start = tcpserver::base::Clock::now();
};

TEST_F(OverflowWatchTest, ChecksOncePerSecondAndReportsOncePerMinute) {
  watch.emplace(options, listeners, log);
  EXPECT_EQ(logged_at(0s), "");
  EXPECT_FALSE(watch->due(false).has_value()) << "nothing happened since";
  EXPECT_EQ(watch->due(true), start + 1s) << "no client is accepted, so it checks again";
  connect_more(5);
  EXPECT_EQ(logged_at(0s), "") << "too early to check";
  EXPECT_EQ(watch->due(false), start + 1s) << "but it will";
  const int first = number_in(logged_at(1s));
  EXPECT_GE(first, 5);
  connect_more(3);
  EXPECT_EQ(logged_at(2s), "") << "too early to report";
  EXPECT_EQ(watch->due(false), start + 61s) << "but it will";
  EXPECT_EQ(logged_at(60s), "");
  const int second = number_in(logged_at(61s));
  EXPECT_GE(second, 3);
  // Clients may send their SYNs again at any time, so the kernel's sum may be higher.
  EXPECT_LE(first + second, static_cast<int>(*watch->dropped()));
  EXPECT_LE(*watch->dropped(), *tcpserver::kernel::dropped_by_listener(listeners.all()[0].fd.get()));
  clients.clear();
  EXPECT_LE(number_in(logged_at(200s)), static_cast<int>(*watch->dropped()) - first - second);
  EXPECT_EQ(logged_at(400s), "") << "each drop is reported once";
  EXPECT_FALSE(watch->due(false).has_value());
}

TEST_F(OverflowWatchTest, LogsKeysInJson) {
  log.set_format(LogFormat::json);
  watch.emplace(options, listeners, log);
  EXPECT_EQ(logged_at(0s), "");
  connect_more(3);
  const harness::Json json(logged_at(1s));
  EXPECT_EQ(json.values("level event limit"), "warning queue_overflow 1");
  EXPECT_EQ(json.values("listener"), listeners.all()[0].address.text());
  EXPECT_GE(json.number("attempts_dropped"), 3);
}

TEST_F(OverflowWatchTest, RemembersThatTheServerWasFull) {
  watch.emplace(options, listeners, log);
  EXPECT_EQ(logged_at(0s), "");
  connect_more(2);
  full = true;
  EXPECT_EQ(logged_at(0s), "");
  full = false;
  EXPECT_TRUE(contains(logged_at(1s), "raise --max-connections"));
  connect_more(2);
  EXPECT_TRUE(contains(logged_at(100s), "raise --backlog")) << "once";
}

TEST_F(OverflowWatchTest, ReportsTheRestBeforeClosing) {
  watch.emplace(options, listeners, log);
  EXPECT_EQ(logged_at(0s), "");
  connect_more(2);
  EXPECT_NE(logged_at(1s), "");
  connect_more(4);
  watch->report_now(full);
  EXPECT_GE(number_in(captured.read_all()), 4);
  const auto sum = watch->dropped();
  listeners.close();
  EXPECT_EQ(watch->dropped(), sum) << "known after they are closed";
  EXPECT_FALSE(watch->due(true).has_value());
}

// A listener also counts drops without an overflow, which any client can cause.
TEST_F(OverflowWatchTest, IgnoresDropsWithoutAnOverflow) {
  static_cast<void>(::accept(listeners.all()[0].fd.get(), nullptr, nullptr));
  static_cast<void>(::accept(listeners.all()[0].fd.get(), nullptr, nullptr));
  const auto drops = [this] { return *tcpserver::kernel::dropped_by_listener(listeners.all()[0].fd.get()); };
  const auto overflows = [] { return tcpserver::kernel::listen_counters()->overflows; };
  watch.emplace(options, listeners, log);
  const auto drops_before = drops();
  const auto overflows_before = overflows();
  clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  tcp_md5sig signature{};
  std::memcpy(&signature.tcpm_addr, listeners.all()[0].address.get(), listeners.all()[0].address.size());
  signature.tcpm_keylen = 3;
  std::memcpy(signature.tcpm_key, "key", 3);
  if (::setsockopt(clients.back().get(), IPPROTO_TCP, TCP_MD5SIG, &signature, sizeof signature) != 0) {
    GTEST_SKIP() << "this kernel has no TCP_MD5SIG";
  }
  static_cast<void>(
      ::connect(clients.back().get(), listeners.all()[0].address.get(), listeners.all()[0].address.size()));
  if (drops() == drops_before) GTEST_SKIP() << "this kernel does not count a wrong signature";
  const auto line = logged_at(1s);
  const auto sum = watch->dropped();
  if (overflows() != overflows_before)
    GTEST_SKIP() << "another listener of this machine overflowed meanwhile";
  EXPECT_EQ(line, "");
  EXPECT_EQ(sum, 0U);
}

}  // namespace
