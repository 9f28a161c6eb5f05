#include "backlog/options.hpp"

#include "tcpserver/base/system_error.hpp"

#include "harness/arguments.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::backlog;
using namespace std::chrono_literals;
using tcpserver::base::ExitStatus;
using tcpserver::base::StartError;

BacklogCommand parse(std::vector<std::string> words) {
  words.insert(words.begin(), "tcpbacklog");
  const harness::Arguments arguments(std::move(words));
  return parse_backlog_command(arguments.count(), arguments.argv());
}

std::string refusal(std::vector<std::string> words) {
  try {
    static_cast<void>(parse(std::move(words)));
    return "taken";
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    return error.what();
  }
}

TEST(BacklogOptions, Probe) {
  const auto defaults = std::get<ProbeOptions>(parse({"probe"}).job);
  EXPECT_EQ(defaults.from, 0);
  EXPECT_EQ(defaults.to, 10);
  EXPECT_FALSE(defaults.json);
  const auto given = std::get<ProbeOptions>(parse({"probe", "--from=3", "--to", "65535", "--json"}).job);
  EXPECT_EQ(given.from, 3);
  EXPECT_EQ(given.to, 65535);
  EXPECT_TRUE(given.json);
  EXPECT_EQ(refusal({"probe", "--from", "11"}),
            "--from 11 is above --to 10: the first must not be above the last");
  EXPECT_EQ(refusal({"probe", "--to", "65536"}),
            "--to: '65536' is not a backlog to probe: a whole number from 0 to 65535");
  EXPECT_EQ(refusal({"probe", "--from", "-1"}).find("--from: '-1' is not a backlog"), 0U);
  EXPECT_EQ(refusal({"probe", "7"}), "unexpected argument '7': tcpbacklog probe takes options only");
}

TEST(BacklogOptions, Watch) {
  const auto defaults = std::get<WatchOptions>(parse({"watch", "80"}).job);
  EXPECT_EQ(defaults.port, 80);
  EXPECT_EQ(defaults.interval, 1s);
  EXPECT_FALSE(defaults.count.has_value());
  const auto given = std::get<WatchOptions>(parse({"watch", "--interval", "10ms", "80", "--count", "3"}).job);
  EXPECT_EQ(given.interval, 10ms);
  EXPECT_EQ(given.count, 3U);
  EXPECT_EQ(refusal({"watch"}), "which PORT? as in tcpbacklog watch 54321");
  EXPECT_EQ(refusal({"watch", "0"}), "PORT: '0' is not a port: a whole number from 1 to 65535");
  EXPECT_EQ(refusal({"watch", "localhost"}),
            "PORT: 'localhost' is not a port: a whole number from 1 to 65535");
  EXPECT_EQ(refusal({"watch", "1", "2"}), "unexpected argument '2': one PORT is all it takes");
  EXPECT_EQ(refusal({"watch", "1", "--interval", "9ms"}),
            "--interval: '9ms' is not an interval: 10ms or more");
  EXPECT_EQ(refusal({"watch", "1", "--count", "0"}),
            "--count: '0' is not a number of looks: a whole number of 1 or more");
}

TEST(BacklogOptions, Size) {
  const auto plain = std::get<SizeOptions>(parse({"size", "--rate", "0.5", "--accept-time", "0.8ms"}).job);
  EXPECT_EQ(plain.rate, 0.5);
  EXPECT_FALSE(plain.burst.has_value());
  EXPECT_EQ(plain.accept_time, 800us);
  EXPECT_EQ(plain.burst_length, 1s);
  EXPECT_EQ(plain.headroom, 1.5);
  const auto given =
      std::get<SizeOptions>(parse({"size", "--rate", "0", "--burst", "1000000000", "--burst-length", "8760h",
                                   "--measure", "80", "--headroom", "1000"})
                                .job);
  EXPECT_EQ(given.burst, 1e9);
  EXPECT_EQ(given.measure, 80);
  EXPECT_EQ(given.headroom, 1000);
  EXPECT_EQ(refusal({"size", "--accept-time", "1"}).find("--rate is missing"), 0U);
  EXPECT_EQ(refusal({"size", "--rate", "1"}).find("--accept-time is missing"), 0U);
  EXPECT_EQ(
      refusal({"size", "--rate", "1", "--accept-time", "1", "--measure", "1"}).find("--accept-time and"), 0U);
  EXPECT_EQ(refusal({"size", "--rate", "2", "--burst", "1", "--accept-time", "1"}).find("--burst is below"),
            0U);
  EXPECT_EQ(refusal({"size", "--rate", "1000000001"}).find("--rate: '1000000001' is not a rate"), 0U);
  EXPECT_EQ(refusal({"size", "--rate", "1e3"}).find("--rate: '1e3' is not a rate"), 0U);
  EXPECT_EQ(refusal({"size", "--accept-time", "0"}),
            "--accept-time: '0' is not an accept time: it must be above 0");
  EXPECT_EQ(refusal({"size", "--burst-length", "0s"}),
            "--burst-length: '0s' is not the length of a burst: it must be above 0");
  EXPECT_EQ(refusal({"size", "--headroom", "0.9"}),
            "--headroom: '0.9' is not a headroom: a factor from 1 to 1000");
}

TEST(BacklogOptions, NeedACommand) {
  const std::string allowed = "probe (fill a queue and count), watch PORT (see one) or size (how long?)";
  EXPECT_EQ(refusal({}), "which command? " + allowed);
  EXPECT_EQ(refusal({"sise"}), "'sise' is not a command: " + allowed);
  EXPECT_EQ(parse({"--version"}).text_to_show.substr(0, 11), "tcpbacklog ");
  EXPECT_NE(parse({"size", "--help"}).text_to_show.find("--headroom"), std::string::npos);
  EXPECT_NE(parse({"-h"}).text_to_show.find("tcpbacklog watch"), std::string::npos);
}

}  // namespace
