#include "tcpserver/base/system_error.hpp"

#include "client/bound.hpp"
#include "client/client.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::client;
using namespace std::chrono_literals;

SocketAddress peer(const UniqueFd& fd) {
  SocketAddress peer;
  socklen_t size = SocketAddress::storage_size;
  EXPECT_EQ(::getpeername(fd.get(), peer.storage(), &size), 0);
  return peer;
}

TEST(Connect, UsesTheFirstAddressThatAnswers) {
  const Bound refusing("127.0.0.1", false);
  const Bound answering("127.0.0.2", true);
  const Bound unused("127.0.0.3", true);
  const auto connected = connect_to_any({refusing.address, answering.address, unused.address}, std::nullopt);
  EXPECT_EQ(peer(connected), answering.address);
}

TEST(Connect, ReportsTheErrorOfEachAddress) {
  const Bound first("127.0.0.1", false);
  const Bound second("127.0.0.2", false);
  try {
    static_cast<void>(connect_to_any({first.address, second.address}, std::nullopt));
    FAIL() << "it connected";
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::unavailable);
    EXPECT_EQ(std::string(error.what()), "cannot connect to " + first.address.text() +
                                             ": Connection refused; " + second.address.text() +
                                             ": Connection refused (is the server running?)");
  }
}

// A listener with a full queue drops the SYN without an answer. The connect hangs and gets half of the time.
TEST(Connect, LeavesTimeForTheNextAddressAfterASilentOne) {
  const Bound silent("127.0.0.1", true);
  std::vector<UniqueFd> filling;
  for (int i = 0; i < 4; ++i) {
    filling.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    static_cast<void>(::connect(filling.back().get(), silent.address.get(), silent.address.size()));
  }
  const Bound answering("127.0.0.2", true);
  const auto deadline = Clock::now() + 4s;
  EXPECT_EQ(peer(connect_to_any({silent.address, answering.address}, deadline)), answering.address);
  EXPECT_LT(Clock::now(), deadline) << "the silent address took all of the time";
  try {
    static_cast<void>(connect_to_any({silent.address}, Clock::now() + 50ms));
    FAIL() << "it connected";
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::temp_fail);
  }
}

}  // namespace
