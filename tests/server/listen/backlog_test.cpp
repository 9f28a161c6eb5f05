#include "harness/text.hpp"
#include "server/listen/listener.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace {

using namespace tcpserver::base;
namespace kernel = tcpserver::kernel;
using namespace tcpserver::server;
using tcpserver::server::BacklogRequest;

BacklogRequest asked(std::uint64_t value) {
  return {value, std::to_string(value), "--backlog"};
}

TEST(Backlog, IsTheRequestUpToTheMaximum) {
  EXPECT_EQ(choose_backlog(std::nullopt, 4096), 4096);
  EXPECT_EQ(choose_backlog(asked(1), 4096), 1);
  EXPECT_EQ(choose_backlog(asked(4096), 4096), 4096);
  EXPECT_EQ(choose_backlog(asked(4097), 4096), 4096);
  EXPECT_EQ(choose_backlog(asked(UINT64_MAX), 128), 128);
}

TEST(Backlog, DescriptionHasLengthSourceAndMaximum) {
  const struct {
    std::optional<BacklogRequest> request;
    kernel::KernelLimits limits;
    std::vector<const char*> words;
  } reports[] = {{std::nullopt,
                  {.somaxconn = 4096, .in_effect = 4096},
                  {"listen queue: 4096 (default; kernel maximum 4096)"}},
                 {BacklogRequest{128, "128", "TCPSERVER_BACKLOG"},
                  {.somaxconn = 4096, .in_effect = 128},
                  {"listen queue: 128 (TCPSERVER_BACKLOG; kernel maximum 4096)"}},
                 {BacklogRequest{UINT64_MAX, "99999999999999999999", "--backlog"},
                  {.somaxconn = 4096, .in_effect = 4096},
                  {"listen queue: 4096 (", "--backlog", "99999999999999999999", "exceeds SOMAXCONN"}},
                 {asked(4000),
                  {.somaxconn = 128, .in_effect = 128},
                  {"listen queue: 128 (--backlog 4000;", "maximum 128", "net.core.somaxconn"}},
                 {asked(5), {}, {"listen queue: 5 (", "maximum unknown"}}};
  for (const auto& [request, limits, words] : reports) {
    const auto report = describe_backlog(request, limits, 4096);
    for (const auto* word : words) EXPECT_TRUE(harness::contains(report, word));
  }
}

TEST(KernelLimits, AreUnknownWithoutASocket) {
  EXPECT_FALSE(kernel::kernel_limits(-1).in_effect.has_value());
}

}  // namespace
