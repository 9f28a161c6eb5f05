#include "tcpserver/server/options.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::cli;
using namespace tcpserver::server;
using namespace std::chrono_literals;
using tcpserver::base::SocketAddress;

BacklogRequest backlog(std::uint64_t value, const char* source) {
  return {value, std::to_string(value), source};
}

TEST(ReloadCompare, OfTheSameChangesNothing) {
  ServerOptions running;
  running.backlog = backlog(7, "file line 1: backlog");
  auto read = running;
  read.backlog = backlog(7, "file line 2: backlog");
  const auto reload = compare(server_option_table(), running, read);
  EXPECT_EQ(reload.changed, "");
  EXPECT_EQ(reload.needs_restart, "");
}

TEST(ReloadCompare, TakesOverWhatCanChange) {
  const ServerOptions running;
  ServerOptions read;
  read.backlog = backlog(7, "x");
  read.max_connections = 5;
  read.idle_timeout = 0s;
  read.drain_timeout = 1500ms;
  read.verbosity = Verbosity::verbose;
  const auto reload = compare(server_option_table(), running, read);
  EXPECT_EQ(reload.changed,
            "backlog SOMAXCONN -> 7, max-connections 1000 -> 5, idle-timeout 5m -> 0s, drain-timeout 10s -> "
            "1500ms, verbosity normal -> verbose");
  EXPECT_EQ(reload.needs_restart, "");
  EXPECT_EQ(reload.options.backlog->value, 7U);
  EXPECT_EQ(reload.options.max_connections, 5U);
  EXPECT_EQ(reload.options.idle_timeout, 0s);
  EXPECT_EQ(reload.options.drain_timeout, 1500ms);
  EXPECT_EQ(reload.options.verbosity, Verbosity::verbose);
}

TEST(ReloadCompare, LeavesTheRestAsItIs) {
  const ServerOptions running;
  ServerOptions read;
  read.port = 1;
  read.bind.push_back(*SocketAddress::parse("::1", 0));
  read.mode = Mode::iterative;
  read.reap = Reap::none;
  read.service = services[1];
  read.daemonize = true;
  read.pid_file = "/run/pid";
  read.user = UserRequest{"nobody", ""};
  const auto reload = compare(server_option_table(), running, read);
  EXPECT_EQ(reload.changed, "");
  EXPECT_EQ(reload.needs_restart, "port, bind, mode, reap, service, daemonize, pid-file, user, log");
  EXPECT_EQ(reload.options.port, running.port);
  EXPECT_TRUE(reload.options.bind.empty());
  EXPECT_EQ(reload.options.mode, Mode::fork);
  EXPECT_EQ(reload.options.reap, Reap::handler);
  EXPECT_EQ(reload.options.service.verb, Verb::echo);
}

TEST(ReloadCompare, OfAnIterativeServerSkipsWhatHasNoEffectThere) {
  ServerOptions running;
  running.mode = Mode::iterative;
  auto read = running;
  read.max_connections = 5;
  read.max_per_host = 5;
  read.overload = Overload::refuse;
  read.log_format = LogFormat::json;
  const auto reload = compare(server_option_table(), running, read);
  EXPECT_EQ(reload.changed, "log-format text -> json");
  EXPECT_EQ(reload.options.overload, Overload::refuse);
  EXPECT_EQ(unused_options(server_option_table(), read), "--max-connections, --max-per-host, --overload");
}

}  // namespace
