#include "tcpserver/server/report/log_record.hpp"

#include "harness/json.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace {

using namespace tcpserver;
using harness::contains;
using harness::Json;
using namespace tcpserver::base;
using namespace tcpserver::server;
using namespace std::chrono_literals;
using server::LogFormat;

std::string session_end(LogFormat format) {
  LogRecord record(format, Severity::info, "session_end");
  record.add("peer", "[::1]:40112");
  record.add("pid", 4711);
  record.add("bytes_in", UINT64_MAX);
  record.add_seconds("duration_s", 1h + 2001us);
  record.add("reason", "client_closed");
  return std::string(record.finish());
}

std::string message(LogFormat format, std::string_view text) {
  LogRecord record(format, Severity::info, LogRecord::Message{text});
  return std::string(record.finish());
}

TEST(LogRecord, AsTextIsKeysAndValues) {
  EXPECT_EQ(session_end(LogFormat::text),
            "session_end peer=[::1]:40112 pid=4711 bytes_in=18446744073709551615 duration_s=3600.002001 "
            "reason=client_closed");
}

TEST(LogRecord, AsJsonIsAnObject) {
  const Json json(session_end(LogFormat::json));
  EXPECT_EQ(json.keys(), "time level event peer pid bytes_in duration_s reason");
  EXPECT_EQ(json.values("bytes_in duration_s reason"), "18446744073709551615 3600.002001 client_closed");
  EXPECT_TRUE(std::regex_match(json.values("time"), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)")));
}

TEST(LogRecord, KeepsAMessageWithinItsLine) {
  constexpr std::string_view text = "a\nb\tc\x01\x7f";
  EXPECT_EQ(message(LogFormat::text, text), "a?b?c??");
  const auto json = message(LogFormat::json, text);
  EXPECT_FALSE(contains(json, "\n"));
  EXPECT_EQ(Json(json).values("message"), text);
}

TEST(LogRecord, IsJsonWhateverTheMessageIs) {
  const auto json = message(LogFormat::json, "\"\\\n\xff\xc3\xa4");
  EXPECT_EQ(Json(json).values("message"), "\"\\\n\xef\xbf\xbd\xc3\xa4") << "U+FFFD for the byte ff";
}

TEST(LogRecord, IsJsonHoweverLongTheMessageIs) {
  for (const char c : {'x', '"', '\n', '\xff'}) {
    for (const std::size_t size : {1'890U, 1'900U, 1'910U, 1'920U, 10'000U}) {
      const auto json = message(LogFormat::json, std::string(size, c));
      EXPECT_LT(json.size(), LogRecord::capacity);
      EXPECT_EQ(Json(json).values("level"), "info");
    }
  }
}

TEST(LogRecord, LeavesOutWhatDoesNotFit) {
  LogRecord record(LogFormat::json, Severity::info, "session_end");
  record.add("peer", std::string(3000, 'x'));
  for (int i = 0; i < 500; ++i) record.add("pid", UINT64_MAX);
  EXPECT_EQ(Json(record.finish()).numbers("pid").back(), 18446744073709551615.0);
}

}  // namespace
