#include "harness/text.hpp"
#include "server/listen/listener.hpp"

#include <gtest/gtest.h>

#include <climits>
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

const BacklogRequest maximum{UINT64_MAX, "max", "--backlog", true};

TEST(Backlog, IsTheRequestUpToTheMaximum) {
  EXPECT_EQ(choose_backlog(std::nullopt, 4096), 4096);
  EXPECT_EQ(choose_backlog(asked(1), 4096), 1);
  EXPECT_EQ(choose_backlog(asked(4096), 4096), 4096);
  EXPECT_EQ(choose_backlog(asked(4097), 4096), 4096);
  EXPECT_EQ(choose_backlog(asked(UINT64_MAX), 128), 128);
  EXPECT_EQ(choose_backlog(maximum, 128), INT_MAX) << "the kernel applies its own limit";
  EXPECT_FALSE(maximum == asked(UINT64_MAX));
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
                 {asked(20000),
                  {.somaxconn = 65535, .in_effect = 4096},
                  {"listen queue: 4096 (", "exceeds SOMAXCONN", "use --backlog max"}},
                 {maximum,
                  {.somaxconn = 65535, .in_effect = 65535},
                  {"listen queue: 65535 (--backlog max; kernel maximum 65535)"}},
                 {asked(5), {}, {"listen queue: 5 (", "maximum unknown"}}};
  for (const auto& [request, limits, words] : reports) {
    const auto report = describe_backlog(request, limits, 4096);
    for (const auto* word : words) EXPECT_TRUE(harness::contains(report, word));
  }
  EXPECT_TRUE(
      harness::contains(describe_backlog(std::nullopt, {.somaxconn = 300, .in_effect = 300}, 4096, 200),
                        "listen queue: 200 -> 300 (default"));
}

TEST(KernelLimits, AreUnknownWithoutASocket) {
  EXPECT_FALSE(kernel::kernel_limits(-1).in_effect.has_value());
}

}  // namespace
