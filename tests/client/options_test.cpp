#include "tcpserver/base/system_error.hpp"

#include "client/client.hpp"
#include "harness/arguments.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::client;
using namespace std::chrono_literals;
using tcpserver::base::StartError;

ClientCommand parse(std::vector<std::string> words) {
  words.insert(words.begin(), "tcpclient");
  const harness::Arguments arguments(std::move(words));
  return parse_client_command(arguments.count(), arguments.argv());
}

TEST(ClientOptions, HaveDefaults) {
  const auto options = parse({}).options;
  EXPECT_EQ(options.host, "localhost");
  EXPECT_EQ(options.port, 54321);
  EXPECT_FALSE(options.ask_first);
  EXPECT_FALSE(options.message.has_value());
  EXPECT_EQ(options.delay, 0s);
  EXPECT_FALSE(options.timeout.has_value());
}

TEST(ClientOptions, TakeHostPortAndFlagsInAnyOrder) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"::1", "80", "--message", "x", "--delay", "2s", "--timeout", "250ms"},
           {"--message=x", "::1", "--delay", "2", "80", "--timeout=0.25"}}) {
    const auto options = parse(words).options;
    EXPECT_EQ(options.host, "::1");
    EXPECT_EQ(options.port, 80);
    EXPECT_EQ(options.message, "x");
    EXPECT_EQ(options.delay, 2s);
    EXPECT_EQ(options.timeout, 250ms);
  }
  EXPECT_TRUE(parse({"--ask-first"}).options.ask_first);
  EXPECT_EQ(parse({"--message", ""}).options.message, "");
}

TEST(ClientOptions, HaveShortForms) {
  const auto options = parse({"-m", "x", "-t250ms", "-n", "3"}).options;
  EXPECT_EQ(options.message, "x");
  EXPECT_EQ(options.timeout, 250ms);
  EXPECT_EQ(options.clients, 3U);
}

TEST(ClientOptions, RefuseBadValuesAndCombinations) {
  const struct {
    std::vector<std::string> words;
    const char* start;
  } bad_calls[] = {{{"host", "0"}, "PORT: invalid value '0'"},
                   {{"host", "echo"}, "PORT: invalid value 'echo'"},
                   {{"54321"}, "HOST: 54321 is a number"},
                   {{"--port", "80"}, "unknown option '--port'"},
                   {{""}, "HOST: invalid value ''"},
                   {{"host", "1", "x"}, "unexpected argument 'x'"},
                   {{"--timeout", "0"}, "--timeout: invalid value '0'"},
                   {{"--delay", "x"}, "--delay: invalid value 'x'"},
                   {{"--ask-first", "--message", "x"}, "--ask-first and --message exclude each other"},
                   {{"--mesage", "x"}, "did you mean --message?"},
                   {{"--slow", "1"}, "--slow needs --clients"},
                   {{"--service", "upper"}, "--service needs --clients"},
                   {{"--json"}, "--json needs --clients"},
                   {{"--clients", "2", "--ask-first"}, "--ask-first and --clients exclude each other"},
                   {{"--clients", "2", "--slow", "3"}, "--slow: 3 is more than --clients 2"},
                   {{"--clients", "2", "--slow", "1"}, "--slow needs --delay"},
                   {{"--clients", "2", "--slow", "0", "--delay", "1s"}, "--delay has no effect"}};
  for (const auto& [words, start] : bad_calls) {
    try {
      static_cast<void>(parse(words));
      ADD_FAILURE() << start;
    } catch (const StartError& error) {
      EXPECT_EQ(error.status(), ExitStatus::usage);
      EXPECT_TRUE(contains(error.what(), start));
    }
  }
}

}  // namespace
