#include "client/options.hpp"

#include "tcpserver/base/system_error.hpp"

#include "harness/arguments.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
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

TEST(ClientOptions, RefuseWhatIsNotAllowed) {
  const auto refusal = [](const std::vector<std::string>& words) {
    try {
      static_cast<void>(parse(words));
    } catch (const StartError& error) {
      EXPECT_EQ(error.status(), tcpserver::base::ExitStatus::usage);
      return std::string(error.what());
    }
    return std::string("it was taken");
  };
  EXPECT_EQ(refusal({"host", "0"}), "PORT: '0' is not a port: a whole number from 1 to 65535");
  EXPECT_EQ(refusal({"host", "echo"}), "PORT: 'echo' is not a port: a whole number from 1 to 65535");
  EXPECT_EQ(refusal({"54321"}),
            "HOST: '54321' is not a host: HOST comes first, then PORT, as in localhost 54321");
  EXPECT_EQ(refusal({"127.0.0.1:80"}),
            "HOST: '127.0.0.1:80' is not a host: HOST and PORT stand apart, as in localhost 54321");
  EXPECT_EQ(refusal({"[::1]", "80"}), "HOST: '[::1]' is not a host: no brackets, as in ::1 54321");
  EXPECT_EQ(refusal({"--port", "80"}),
            "unknown option '--port' (tcpclient --help lists them all; without a flag: HOST PORT)");
  EXPECT_EQ(refusal({""}), "HOST: '' is not a host: a name or a numeric address");
  EXPECT_EQ(refusal({"host", "1", "x"}), "unexpected argument 'x': HOST and PORT are all it takes");
  EXPECT_EQ(refusal({"--timeout", "0"}), "--timeout: '0' is not a time-out: it must be above 0");
  EXPECT_EQ(
      refusal({"--delay", "x"}),
      "--delay: 'x' is not a duration: 800us, 250ms, 2s, 5m or 1h, at most a year; a bare number is seconds");
  EXPECT_EQ(refusal({"--ask-first", "--message", "x"}),
            "--ask-first and --message exclude each other: with a message there is nothing to ask");
  EXPECT_NE(refusal({"--mesage", "x"}).find("did you mean --message?"), std::string::npos);
}

}  // namespace
