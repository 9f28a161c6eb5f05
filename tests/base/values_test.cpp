#include "tcpserver/base/values.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace std::chrono_literals;

TEST(Count, IsDecimalDigitsWithinItsRange) {
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

TEST(Saturating, TakesAnyNumberOfDigits) {
  EXPECT_EQ(parse_saturating("5", 10), 5U);
  EXPECT_EQ(parse_saturating("11", 10), 10U);
  EXPECT_EQ(parse_saturating("99999999999999999999", UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(parse_saturating(std::string(10000, '9'), 10), 10U);
  EXPECT_EQ(parse_saturating(std::string(10000, '0') + "3", 10), 3U);
  for (const char* text : {"", "-1", "1x", " 1"})
    EXPECT_FALSE(parse_saturating(text, 10).has_value()) << text;
}

TEST(Size, IsBytesOrHasASuffix) {
  EXPECT_EQ(parse_size("1", 1, 1024), 1U);
  EXPECT_EQ(parse_size("1K", 1, 1024), 1024U);
  EXPECT_EQ(parse_size("3M", 1, UINT64_MAX), 3U << 20);
  EXPECT_EQ(parse_size("2G", 1, UINT64_MAX), std::uint64_t{2} << 30);
  EXPECT_EQ(parse_size("17179869183G", 1, UINT64_MAX), 17179869183ULL << 30) << "the largest of 64 bits";
  for (const char* text : {"", "K", "0", "0K", "1025", "2K", "1k", "1KiB", "1 K", "1.5K", "-1", "1T", "K1",
                           "17179869184G", "99999999999999999999G"}) {
    EXPECT_FALSE(parse_size(text, 1, 1024).has_value()) << text;
  }
}

TEST(DurationText, IsReadWithItsUnit) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("2s"), 2s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("7"), 7s);
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(parse_duration("0.8ms"), 800us);
  EXPECT_EQ(parse_duration("250us"), 250us);
  EXPECT_EQ(parse_duration("1.5"), 1500ms);
  EXPECT_EQ(parse_duration("0.000000001s"), 1ns);
  EXPECT_EQ(parse_duration("8760h"), 8760h);
}

TEST(DurationText, IsRefusedWhereItIsNone) {
  for (const char* text : {"",
                           "s",
                           "ms",
                           "-1s",
                           "+1s",
                           "1 s",
                           " 1s",
                           "1s ",
                           "1S",
                           "1sec",
                           "1ns",
                           "1d",
                           ".5s",
                           "1.s",
                           "1.5.5s",
                           "1e3s",
                           "0x1s",
                           "8761h",
                           "8760.1h",
                           "31536001",
                           "0.0000000001s",
                           "99999999999999999999h",
                           "five"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(DurationText, IsWrittenShortest) {
  for (const char* text : {"0s", "800us", "1500us", "250ms", "1500ms", "2s", "90s", "5m", "1h", "8760h"}) {
    EXPECT_EQ(duration_text(*parse_duration(text)), text);
  }
  EXPECT_EQ(duration_text(60s), "1m");
  for (const char* text : {"0.001us", "0.5us", "1.25us", "1500.005us"}) {
    EXPECT_EQ(duration_text(*parse_duration(text)), text);
  }
}

TEST(TimeText, HasThreeOrFourDigitsAndItsUnit) {
  EXPECT_EQ(time_text(0), "0 us");
  EXPECT_EQ(time_text(0.0000123), "12 us");
  EXPECT_EQ(time_text(0.00099949), "999 us");
  EXPECT_EQ(time_text(0.00099951), "1.0 ms");
  EXPECT_EQ(time_text(0.0012345), "1.2 ms");
  EXPECT_EQ(time_text(0.09994), "99.9 ms");
  EXPECT_EQ(time_text(0.09996), "100 ms");
  EXPECT_EQ(time_text(0.9994), "999 ms");
  EXPECT_EQ(time_text(0.9996), "1.000 s");
  EXPECT_EQ(time_text(2.0014), "2.001 s");
  EXPECT_EQ(time_text(99.9994), "99.999 s");
  EXPECT_EQ(time_text(99.9996), "100 s");
}

TEST(Decimal, IsReadWithUpToNineDigitsAfterThePoint) {
  EXPECT_EQ(parse_decimal("0", 10), 0.0);
  EXPECT_EQ(parse_decimal("10", 10), 10.0);
  EXPECT_EQ(parse_decimal("0.5", 10), 0.5);
  EXPECT_EQ(parse_decimal("1.000000001", 10), 1.000000001);
  for (const char* text : {"", ".", ".5", "1.", "10.1", "11", "-1", "+1", "1e3", "inf", "nan", "0x1", "1,5",
                           " 1", "1.5.5", "1.0000000001", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_decimal(text, 10).has_value()) << text;
  }
}

TEST(InQuotes, ShowsNoControlByteAndNoEndlessText) {
  EXPECT_EQ(in_quotes("80x"), "'80x'");
  EXPECT_EQ(in_quotes("a\n\x1b[31m\xff"), "'a\\x0a\\x1b[31m\\xff'");
  EXPECT_EQ(in_quotes(std::string(60, 'a')), "'" + std::string(60, 'a') + "'");
  EXPECT_EQ(in_quotes(std::string(61, 'a')), "'" + std::string(60, 'a') + "...' (61 bytes)");
}

}  // namespace
