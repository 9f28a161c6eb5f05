#include "tcpserver/base/system_error.hpp"

#include "client/bound.hpp"
#include "client/client.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::client;
using namespace std::chrono_literals;

SocketAddress peer_of(const UniqueFd& fd) {
  SocketAddress peer;
  socklen_t size = SocketAddress::storage_size;
  EXPECT_EQ(::getpeername(fd.get(), peer.storage(), &size), 0);
  return peer;
}

TEST(Connect, TakesTheFirstAddressThatAnswers) {
  const Bound refusing("127.0.0.1", false);
  const Bound answering("127.0.0.2", true);
  const Bound unused("127.0.0.3", true);
  const auto connected =
      connect_to_any("host", {refusing.address, answering.address, unused.address}, std::nullopt);
  EXPECT_EQ(peer_of(connected), answering.address);
}

TEST(Connect, SaysHowEachAddressFailed) {
  const Bound first("127.0.0.1", false);
  const Bound second("127.0.0.2", false);
  try {
    static_cast<void>(connect_to_any("host", {first.address, second.address}, std::nullopt));
    FAIL() << "it connected";
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::unavailable);
    EXPECT_EQ(std::string(error.what()), "cannot connect to 'host': " + first.address.text() +
                                             ": Connection refused; " + second.address.text() +
                                             ": Connection refused (is the server running?)");
  }
}

// A listener whose queue is full drops the SYN in silence: its connect hangs, and has half of the time.
TEST(Connect, ASilentAddressLeavesTimeForTheNext) {
  const Bound silent("127.0.0.1", true);
  std::vector<UniqueFd> filling;
  for (int i = 0; i < 4; ++i) {
    filling.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    static_cast<void>(::connect(filling.back().get(), silent.address.get(), silent.address.size()));
  }
  const Bound answering("127.0.0.2", true);
  const auto deadline = Clock::now() + 4s;
  EXPECT_EQ(peer_of(connect_to_any("host", {silent.address, answering.address}, deadline)),
            answering.address);
  EXPECT_LT(Clock::now(), deadline) << "the silent one took all of the time";
  try {
    static_cast<void>(connect_to_any("host", {silent.address}, Clock::now() + 50ms));
    FAIL() << "it connected";
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::temp_fail);
  }
}

}  // namespace
