#include "load/pattern.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace {

using tcpserver::base::Verb;
using tcpserver::load::Pattern;

TEST(Pattern, DiffersForEachConnectionAndRound) {
  const Pattern pattern(Verb::echo, 8);
  std::set<std::string_view> seen;
  for (std::uint64_t connection = 1; connection <= Pattern::period; ++connection) {
    seen.insert(pattern.sent(Pattern::place(connection, 0), 8));
  }
  EXPECT_EQ(seen.size(), Pattern::period) << "the first eight bytes of consecutive connections";
  for (std::uint64_t round = 1; round < 1000; ++round) {
    EXPECT_NE(pattern.sent(Pattern::place(7, round), 8), pattern.sent(Pattern::place(7, round - 1), 8));
  }
}

TEST(Pattern, HasEveryByteValue) {
  const Pattern pattern(Verb::echo, Pattern::period);
  std::array<bool, 256> seen{};
  for (const char c : pattern.sent(0, Pattern::period)) seen[static_cast<unsigned char>(c)] = true;
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_TRUE(seen[i]) << i;
}

TEST(Pattern, ContinuesAfterItsPeriod) {
  constexpr std::size_t longest = 300;
  const Pattern pattern(Verb::echo, longest);
  for (const std::uint64_t place : {std::uint64_t{0}, Pattern::period - 1, Pattern::period,
                                    Pattern::period + 5, 1000 * Pattern::period - 100}) {
    const auto whole = pattern.sent(place, longest);
    ASSERT_EQ(whole.size(), longest) << place;
    for (std::size_t i = 0; i < longest; ++i) EXPECT_EQ(pattern.sent(place + i, 1), whole.substr(i, 1));
  }
}

TEST(Pattern, ExpectsUpperCaseFromUpper) {
  const Pattern echo(Verb::echo, 1000);
  EXPECT_EQ(echo.expected(3, 1000), echo.sent(3, 1000));
  const Pattern upper(Verb::upper, 1000);
  const auto sent = upper.sent(3, 1000);
  const auto expected = upper.expected(3, 1000);
  EXPECT_NE(sent, expected);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const bool small = sent[i] >= 'a' && sent[i] <= 'z';
    EXPECT_EQ(expected[i], small ? static_cast<char>(sent[i] - 32) : sent[i]);
  }
}

}  // namespace
