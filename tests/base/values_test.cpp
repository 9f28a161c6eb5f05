#include "tcpserver/base/values.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace std::chrono_literals;

TEST(ParseCount, AcceptsDecimalDigitsInRange) {
  EXPECT_EQ(parse_count("0", 0, 9), 0U);
  EXPECT_EQ(parse_count("65535", 0, 65535), 65535U);
  EXPECT_EQ(parse_count("007", 1, 9), 7U);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "ten", "65536",
                           "18446744073709551616", "99999999999999999999999999"}) {
    EXPECT_FALSE(parse_count(text, 0, 65535).has_value()) << text;
  }
  EXPECT_FALSE(parse_count("0", 1, 9).has_value());
  EXPECT_FALSE(parse_count(std::string_view("1\0", 2), 0, 9).has_value());
}

TEST(ParseSaturating, AcceptsAnyNumberOfDigits) {
  EXPECT_EQ(parse_saturating("5", 10), 5U);
  EXPECT_EQ(parse_saturating("11", 10), 10U);
  EXPECT_EQ(parse_saturating("99999999999999999999", UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(parse_saturating(std::string(10000, '9'), 10), 10U);
  EXPECT_EQ(parse_saturating(std::string(10000, '0') + "3", 10), 3U);
  for (const char* text : {"", "-1", "1x", " 1"})
    EXPECT_FALSE(parse_saturating(text, 10).has_value()) << text;
}

TEST(ParseSize, AcceptsBytesAndSuffixes) {
  EXPECT_EQ(parse_size("1", 1, 1024), 1U);
  EXPECT_EQ(parse_size("1K", 1, 1024), 1024U);
  EXPECT_EQ(parse_size("3M", 1, UINT64_MAX), 3U << 20);
  EXPECT_EQ(parse_size("2G", 1, UINT64_MAX), std::uint64_t{2} << 30);
  EXPECT_EQ(parse_size("17179869183G", 1, UINT64_MAX), 17179869183ULL << 30)
      << "the largest value in 64 bits";
  for (const char* text : {"", "K", "0", "0K", "1025", "2K", "1k", "1KiB", "1 K", "1.5K", "-1", "1T", "K1",
                           "17179869184G", "99999999999999999999G"}) {
    EXPECT_FALSE(parse_size(text, 1, 1024).has_value()) << text;
  }
}

TEST(ParseDuration, AcceptsUnitsAndFractions) {
  const std::pair<const char*, Duration> durations[] = {
      {"250ms", 250ms}, {"2s", 2s},       {"5m", 5min},     {"1h", 1h},      {"7", 7s},
      {"0", 0s},        {"0.8ms", 800us}, {"250us", 250us}, {"1.5", 1500ms}, {"0.000000001s", 1ns},
      {"8760h", 8760h}};
  for (const auto& [text, duration] : durations) EXPECT_EQ(parse_duration(text), duration) << text;
  for (const char* text :
       {"", "s", "ms", "-1s", "+1s", "1 s", " 1s", "1s ", "1S", "1ns", ".5s", "1.s", "1.5.5s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
  for (const char* text :
       {"1e3s", "0x1s", "8761h", "8760.1h", "31536001", "0.0000000001s", "99999999999999999999h"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(DurationText, UsesTheLargestWholeUnit) {
  for (const char* text : {"0s", "800us", "1500us", "250ms", "1500ms", "2s", "90s", "5m", "1h", "8760h",
                           "0.001us", "0.5us", "1.25us", "1500.005us"}) {
    EXPECT_EQ(format_duration(*parse_duration(text)), text);
  }
  EXPECT_EQ(format_duration(60s), "1m");
}

TEST(TimeText, HasThreeOrFourDigits) {
  const std::pair<double, const char*> times[] = {
      {0, "0 us"},           {0.0000123, "12 us"}, {0.00099949, "999 us"}, {0.00099951, "1.0 ms"},
      {0.0012345, "1.2 ms"}, {0.09994, "99.9 ms"}, {0.09996, "100 ms"},    {0.9994, "999 ms"},
      {0.9996, "1.000 s"},   {2.0014, "2.001 s"},  {99.9994, "99.999 s"},  {99.9996, "100 s"}};
  for (const auto& [seconds, text] : times) EXPECT_EQ(format_time(seconds), text);
}

TEST(ParseDecimal, AcceptsUpToNineFractionDigits) {
  EXPECT_EQ(parse_decimal("0", 10), 0.0);
  EXPECT_EQ(parse_decimal("10", 10), 10.0);
  EXPECT_EQ(parse_decimal("0.5", 10), 0.5);
  EXPECT_EQ(parse_decimal("1.000000001", 10), 1.000000001);
  for (const char* text : {"", ".", ".5", "1.", "10.1", "11", "-1", "+1", "1e3", "inf", "nan", "0x1", "1,5",
                           " 1", "1.5.5", "1.0000000001", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_decimal(text, 10).has_value()) << text;
  }
}

TEST(InQuotes, EscapesControlBytesAndShortensText) {
  EXPECT_EQ(quote("80x"), "'80x'");
  EXPECT_EQ(quote("a\n\x1b[31m\xff"), "'a\\x0a\\x1b[31m\\xff'");
  EXPECT_EQ(quote(std::string(60, 'a')), "'" + std::string(60, 'a') + "'");
  EXPECT_EQ(quote(std::string(61, 'a')), "'" + std::string(60, 'a') + "...' (61 bytes)");
}

TEST(Clock, ConvertsToTimespec) {
  const auto spec = to_timespec(2500ms);
  EXPECT_EQ(spec.tv_sec, 2);
  EXPECT_EQ(spec.tv_nsec, 500'000'000);
  EXPECT_EQ(to_timespec(-1s).tv_sec, 0);
}

TEST(Clock, RoundsTimevalUpToAvoidZero) {
  EXPECT_EQ(to_timeval(1ns).tv_usec, 1);
  EXPECT_EQ(to_timeval(0ns).tv_usec, 0);
  const auto almost_a_second = to_timeval(999'999'999ns);
  EXPECT_EQ(almost_a_second.tv_sec, 1);
  EXPECT_EQ(almost_a_second.tv_usec, 0);
}

TEST(Clock, TimeLeftIsNeverNegative) {
  EXPECT_EQ(time_left(Clock::now() - 1h), Duration::zero());
  EXPECT_GT(time_left(Clock::now() + 1h), 59min);
  EXPECT_FALSE(time_left(std::nullopt).has_value());
}

}  // namespace
