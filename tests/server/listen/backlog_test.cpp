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

TEST(Backlog, IsDescribedWithItsSourceAndEffect) {
  const struct {
    std::optional<BacklogRequest> request;
    kernel::KernelLimits limits;
    std::vector<const char*> words;
  } reports[] = {
      {std::nullopt, {.somaxconn = 4096, .in_effect = 4096}, {"backlog 4096", "default", "in effect 4096"}},
      {BacklogRequest{128, "128", "TCPSERVER_BACKLOG"},
       {.somaxconn = 4096, .in_effect = 128},
       {"backlog 128", "TCPSERVER_BACKLOG", "in effect 128", "net.core.somaxconn 4096"}},
      {BacklogRequest{UINT64_MAX, "99999999999999999999", "--backlog"},
       {.somaxconn = 4096, .in_effect = 4096},
       {"'99999999999999999999'", "clamped to SOMAXCONN", "in effect 4096"}},
      {asked(4000), {.somaxconn = 128, .in_effect = 128}, {"backlog 4000", "in effect 128", "kernel cuts"}},
      {asked(5), {}, {"backlog 5", "in effect: not known", "net.core.somaxconn not known"}}};
  for (const auto& [request, limits, words] : reports) {
    const auto report = describe_backlog(request, limits, 4096);
    for (const auto* word : words) EXPECT_TRUE(harness::contains(report, word));
  }
}

TEST(KernelLimits, AreUnknownWithoutASocket) {
  EXPECT_FALSE(kernel::kernel_limits(-1).in_effect.has_value());
}

}  // namespace
