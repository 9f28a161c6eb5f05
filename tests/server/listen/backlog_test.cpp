#include "tcpserver/server/listen/listener.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
namespace kernel = tcpserver::kernel;
using namespace tcpserver::server;
using tcpserver::server::BacklogRequest;

BacklogRequest asked(std::uint64_t value) {
  return {value, std::to_string(value), "--backlog"};
}

TEST(Backlog, IsTheRequestOrTheLargestAndNeverAbove) {
  EXPECT_EQ(choose_backlog(std::nullopt, 4096), 4096);
  EXPECT_EQ(choose_backlog(asked(1), 4096), 1);
  EXPECT_EQ(choose_backlog(asked(4096), 4096), 4096);
  EXPECT_EQ(choose_backlog(asked(4097), 4096), 4096);
  EXPECT_EQ(choose_backlog(asked(UINT64_MAX), 128), 128);
}

TEST(Backlog, ReportSaysWhatWasAskedByWhomAndWhatIsInEffect) {
  EXPECT_EQ(describe_backlog(std::nullopt, {.somaxconn = 4096, .in_effect = 4096}, 4096),
            "backlog 4096 (nobody asked: the default, SOMAXCONN), in effect 4096 (SOMAXCONN 4096, "
            "net.core.somaxconn 4096)");
  EXPECT_EQ(
      describe_backlog(BacklogRequest{128, "128", "TCPSERVER_BACKLOG"}, {.somaxconn = 4096, .in_effect = 128},
                       4096),
      "backlog 128 (asked by TCPSERVER_BACKLOG), in effect 128 (SOMAXCONN 4096, net.core.somaxconn 4096)");
  EXPECT_EQ(describe_backlog(BacklogRequest{UINT64_MAX, "99999999999999999999", "--backlog"},
                             {.somaxconn = 4096, .in_effect = 4096}, 4096),
            "backlog '99999999999999999999' (asked by --backlog) is clamped to SOMAXCONN, in effect 4096 "
            "(SOMAXCONN 4096, net.core.somaxconn 4096)");
}

TEST(Backlog, ReportSaysWhenTheKernelCuts) {
  EXPECT_EQ(describe_backlog(asked(4000), {.somaxconn = 128, .in_effect = 128}, 4096),
            "backlog 4000 (asked by --backlog), in effect 128 because the kernel cuts it (SOMAXCONN 4096, "
            "net.core.somaxconn 128)");
}

TEST(Backlog, ReportSaysWhatIsNotKnown) {
  EXPECT_EQ(describe_backlog(asked(5), {}, 128),
            "backlog 5 (asked by --backlog), in effect: not known here (SOMAXCONN 128, net.core.somaxconn "
            "not known "
            "here)");
}

TEST(KernelLimits, OfWhatIsNoSocketAreNotKnown) {
  EXPECT_FALSE(kernel::kernel_limits(-1).in_effect.has_value());
}

}  // namespace
