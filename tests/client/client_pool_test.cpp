#include "client/client_pool.hpp"

#include "client/bound.hpp"
#include "harness/text.hpp"

#include <unistd.h>

#include <gtest/gtest.h>

#include <thread>

namespace {

using namespace tcpserver;
using namespace tcpserver::base;
using namespace tcpserver::client;
using namespace std::chrono_literals;

// Echoes to this number of clients.
std::jthread echo_to(const base::UniqueFd& listener, int clients) {
  return std::jthread([fd = listener.get(), clients] {
    for (int i = 0; i < clients; ++i) {
      const int connection = ::accept(fd, nullptr, nullptr);
      char bytes[100];
      for (ssize_t count = 0; (count = ::read(connection, bytes, sizeof bytes)) > 0;) {
        EXPECT_EQ(::write(connection, bytes, static_cast<std::size_t>(count)), count);
      }
      ::close(connection);
    }
  });
}

Timeline run_two(const std::vector<base::SocketAddress>& addresses,
                 std::optional<base::Duration> timeout = std::nullopt) {
  client::ClientOptions options;
  options.clients = 2;
  options.timeout = timeout;
  return run_clients(options, addresses, [](const Timeline&) {});
}

TEST(ClientPool, TriesTheNextAddressAfterARefusal) {
  const Bound refusing("127.0.0.1", false);
  const Bound answering("127.0.0.2", true);
  const auto server = echo_to(answering.fd, 2);
  const auto result = run_two({refusing.address, answering.address});
  for (const auto& record : result.records) {
    EXPECT_TRUE(record.answered()) << (record.failure ? record.failure->message : "");
    EXPECT_GT(record.connecting_s, record.started_s) << "the connect to the address that answered";
  }
}

TEST(ClientPool, ReportsATimeOutBeforeARefusal) {
  const Bound silent("127.0.0.1", true);
  const base::UniqueFd place(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(place.get(), silent.address.get(), silent.address.size()), 0);
  const Bound refusing("127.0.0.2", false);
  const auto result = run_two({silent.address, refusing.address}, 400ms);
  for (const auto& record : result.records) {
    ASSERT_TRUE(record.failure);
    EXPECT_EQ(record.failure->kind, FailureKind::timed_out) << "like the single client";
    const auto& message = record.failure->message;
    EXPECT_TRUE(harness::contains(message, silent.address.text() + ": Connection timed out"));
    EXPECT_TRUE(harness::contains(message, refusing.address.text() + ": Connection refused"));
  }
}

}  // namespace
