#include "tcpserver/base/characters.hpp"

#include "tcpserver/base/values.hpp"

#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;

TEST(Characters, AreNamedInWords) {
  const std::pair<std::string_view, const char*> samples[] = {
      {"a\u00a0", "a no-break space, U+00A0"},
      {"a\xa0", "a no-break space, byte A0, not UTF-8"},
      {"\u00adx", "a soft hyphen"},
      {"\u200b", "a zero-width space"},
      {"\ufeff", "a byte order mark"},
      {"\u2013", "an en dash"},
      {"\x96", "an en dash, byte 96"},
      {"\u2212", "a minus sign"},
      {"\u201c", "a typographic quote"},
      {"\x93", "a typographic quote, byte 93"},
      {"\uff17", "a full-width digit"},
      {"\r", "a carriage return"},
      {"\x07", "a control character"},
      {"\x7f", "a control character"},
      {"\u0085", "a control character"},
      {"\u0458", "a Cyrillic letter"},
      {"\u00fc", "a character outside ASCII, U+00FC"},
      {"\U0001f600", "a character outside ASCII"},
      {"\xfc", "a byte that is not UTF-8, FC"},
      {std::string_view("\0", 1), "a NUL byte"}};
  for (const auto& [text, name] : samples) EXPECT_TRUE(contains(find_unusual_character(text), name)) << name;
  EXPECT_EQ(find_unusual_character("plain ~ text"), "");
}

TEST(Characters, OnlyWellFormedSequencesAreUtf8) {
  for (const std::string_view text : {"\xc0\xa0", "\xe0\x82\xa0", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xe2\x80", "\xc3", "\x80", "\xf8\x88\x80\x80\x80", "\xff"}) {
    EXPECT_TRUE(contains(find_unusual_character(text), "not UTF-8")) << quote(text);
  }
  EXPECT_EQ(read_character("\u20ac.").size, 3U);
  EXPECT_EQ(read_character("\xe2\x82.").size, 1U);
}

TEST(Characters, InvisibleOnesAreNamedFirst) {
  EXPECT_TRUE(contains(quote_and_name("\u00fc\u200b"), "a zero-width space"));
  EXPECT_EQ(find_invisible_character("Pr\u00fcfung \u2013 \xfc"), "");
  EXPECT_EQ(quote_and_name("80x"), "'80x'");
}

}  // namespace
