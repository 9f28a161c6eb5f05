#include "tcpserver/base/system_error.hpp"

#include "harness/arguments.hpp"
#include "harness/text.hpp"
#include "load/load.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::load;
using namespace std::chrono_literals;
using tcpserver::base::StartError;

LoadOptions parse(std::vector<std::string> words) {
  words.insert(words.begin(), "tcpload");
  const harness::Arguments arguments(std::move(words));
  return parse_load_command(arguments.count(), arguments.argv()).options;
}

std::string refusal(const std::vector<std::string>& words) {
  try {
    static_cast<void>(parse(words));
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), tcpserver::base::ExitStatus::usage);
    return error.what();
  }
  return "not refused";
}

TEST(LoadOptions, HaveDefaults) {
  const auto options = parse({});
  EXPECT_EQ(options.host, "localhost");
  EXPECT_EQ(options.port, 54321);
  EXPECT_EQ(options.mode, LoadMode::connections);
  EXPECT_EQ(options.connections, 10'000U);
  EXPECT_EQ(options.concurrency, 64U);
  EXPECT_EQ(options.size, 32U);
  EXPECT_EQ(options.timeout, 10s);
  EXPECT_EQ(options.sources, 0U);
  EXPECT_FALSE(options.reset || options.json || options.rate);
}

TEST(LoadOptions, SetDefaultsForEachMode) {
  const auto hold = parse({"--hold", "3s", "--concurrency", "1000", "::1", "80"});
  EXPECT_EQ(hold.mode, LoadMode::hold);
  EXPECT_EQ(hold.hold, 3s);
  EXPECT_EQ(hold.connections, 1000U) << "equal to the concurrency";
  const auto bulk = parse({"--bulk=10G"});
  EXPECT_EQ(bulk.mode, LoadMode::bulk);
  EXPECT_EQ(bulk.size, std::uint64_t{10} << 30);
  EXPECT_EQ(bulk.connections, 1U);
  const auto ping = parse({"--ping", "500", "--concurrency", "3", "--message-size", "1K"});
  EXPECT_EQ(ping.mode, LoadMode::ping);
  EXPECT_EQ(ping.round_trips, 500U);
  EXPECT_EQ(ping.connections, 3U);
  EXPECT_EQ(ping.size, 1024U);
  EXPECT_EQ(parse({"--rate", "0.5"}).concurrency, 1000U);
  EXPECT_EQ(parse({"--rate", "0.5", "--concurrency", "7"}).concurrency, 7U);
}

TEST(LoadOptions, HaveShortForms) {
  const auto options = parse({"-n", "500", "-c7", "-j"});
  EXPECT_EQ(options.connections, 500U);
  EXPECT_EQ(options.concurrency, 7U);
  EXPECT_TRUE(options.json);
}

TEST(LoadOptions, RefuseBadValuesAndCombinations) {
  const struct {
    std::vector<std::string> words;
    const char* start;
  } bad_calls[] = {{{"--connections", "0"}, "--connections: invalid value '0'"},
                   {{"--concurrency", "1000001"}, "--concurrency: invalid value '1000001'"},
                   {{"--message-size", "2G"}, "--message-size: invalid value '2G'"},
                   {{"--bulk", "1T"}, "--bulk: invalid value '1T'"},
                   {{"--sources", "255"}, "--sources: invalid value '255'"},
                   {{"--hold", "0"}, "--hold: invalid value '0'"},
                   {{"--timeout", "0s"}, "--timeout: invalid value '0s'"},
                   {{"--service", "discard"}, "--service: invalid value 'discard'"},
                   {{"host", "0"}, "PORT: invalid value '0'"},
                   {{"--ping", "5", "--bulk", "1K"}, "--bulk and --ping exclude each other"},
                   {{"--ping", "5", "--hold", "1s"}, "--hold and --ping exclude each other"},
                   {{"--bulk", "1K", "--message-size", "5"}, "--message-size and --bulk exclude each other"}};
  for (const auto& [words, start] : bad_calls) EXPECT_TRUE(contains(refusal(words), start));
  for (const std::string rate : {"0", "-1", "1e3", "1000001"}) {
    EXPECT_TRUE(contains(refusal({"--rate", rate}), "--rate: invalid value '" + rate + "'"));
  }
  for (const char* mode : {"--hold", "--bulk", "--ping"}) {
    EXPECT_TRUE(contains(refusal({"--connections", "5", mode, "1"}),
                         std::string("--connections and ") + mode + " exclude each other"));
    EXPECT_TRUE(contains(refusal({"--rate", "5", mode, "1"}),
                         std::string("--rate and ") + mode + " exclude each other"));
  }
}

}  // namespace
