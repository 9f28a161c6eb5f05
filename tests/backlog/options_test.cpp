#include "backlog/options.hpp"

#include "tcpserver/base/system_error.hpp"

#include "harness/arguments.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;
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
    return "accepted";
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    return error.what();
  }
}

TEST(BacklogOptions, ParseProbe) {
  const auto defaults = std::get<ProbeOptions>(parse({"probe"}).job);
  EXPECT_EQ(defaults.from, 0);
  EXPECT_EQ(defaults.to, 10);
  EXPECT_FALSE(defaults.json);
  const auto given = std::get<ProbeOptions>(parse({"probe", "--from=3", "--to", "65535", "--json"}).job);
  EXPECT_EQ(given.from, 3);
  EXPECT_EQ(given.to, 65535);
  EXPECT_TRUE(given.json);
}

TEST(BacklogOptions, ParseWatch) {
  const auto defaults = std::get<WatchOptions>(parse({"watch", "80"}).job);
  EXPECT_EQ(defaults.port, 80);
  EXPECT_EQ(defaults.interval, 1s);
  EXPECT_FALSE(defaults.count.has_value());
  const auto given = std::get<WatchOptions>(parse({"watch", "--interval", "10ms", "80", "--count", "3"}).job);
  EXPECT_EQ(given.interval, 10ms);
  EXPECT_EQ(given.count, 3U);
}

TEST(BacklogOptions, ParseSize) {
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
}

TEST(BacklogOptions, RequireACommand) {
  for (const auto& [text, start] : {std::pair{refusal({}), "a command is missing: "},
                                    std::pair{refusal({"listen"}), "'listen' is not a command: "}}) {
    EXPECT_TRUE(text.starts_with(start)) << text;
    EXPECT_TRUE(contains(text, "probe, watch or size")) << text;
  }
  EXPECT_EQ(parse({"--version"}).text_to_show.substr(0, 11), "tcpbacklog ");
  EXPECT_TRUE(contains(parse({"size", "--help"}).text_to_show, "--headroom"));
  EXPECT_TRUE(contains(parse({"-h"}).text_to_show, "tcpbacklog watch"));
}

TEST(BacklogOptions, RefuseInvalidArguments) {
  const struct {
    std::vector<std::string> words;
    const char* part;
  } bad_calls[] = {
      {{"probe", "--from", "11"}, "--from 11 is greater than --to 10"},
      {{"probe", "--to", "65536"}, "--to: invalid value '65536'"},
      {{"probe", "--from", "-1"}, "--from: invalid value '-1'"},
      {{"probe", "7"}, "unexpected argument '7'"},
      {{"wach"}, "did you mean watch?"},
      {{"--hlep"}, "unknown option '--hlep'; did you mean --help?"},
      {{"watch"}, "PORT is missing"},
      {{"watch", "0"}, "PORT: invalid value '0'"},
      {{"watch", "localhost"}, "PORT: invalid value 'localhost'"},
      {{"watch", "1", "2"}, "unexpected argument '2'"},
      {{"watch", "1", "--interval", "9ms"}, "--interval: invalid value '9ms'"},
      {{"watch", "1", "--count", "0"}, "--count: invalid value '0'"},
      {{"size", "--accept-time", "1"}, "--rate is missing"},
      {{"size", "--rate", "1"}, "--accept-time is missing"},
      {{"size", "--rate", "1", "--accept-time", "1", "--measure", "1"}, "--accept-time and"},
      {{"size", "--rate", "2", "--burst", "1", "--accept-time", "1"}, "--burst is less than --rate"},
      {{"size", "--rate", "1000000001"}, "--rate: invalid value '1000000001'"},
      {{"size", "--rate", "1e3"}, "--rate: invalid value '1e3'"},
      {{"size", "--accept-time", "0"}, "--accept-time: invalid value '0'"},
      {{"size", "--burst-length", "0s"}, "--burst-length: invalid value '0s'"},
      {{"size", "--headroom", "0.9"}, "--headroom: invalid value '0.9'"}};
  for (const auto& [words, part] : bad_calls) EXPECT_TRUE(contains(refusal(words), part));
}

}  // namespace
