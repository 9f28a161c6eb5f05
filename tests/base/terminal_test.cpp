#include "tcpserver/base/terminal.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;

constexpr TerminalSize usual{.columns = 80, .rows = 24};

TEST(PictureInPlace, RedrawsInPlace) {
  PictureInPlace picture;
  EXPECT_EQ(picture.draw({"one", "two"}, usual), "one\x1b[K\ntwo\x1b[K\n\x1b[J") << "no previous picture";
  EXPECT_EQ(picture.draw({"three"}, usual), "\x1b[2A\rthree\x1b[K\n\x1b[J");
  EXPECT_EQ(picture.draw({"four"}, usual), "\x1b[1A\rfour\x1b[K\n\x1b[J");
}

TEST(PictureInPlace, LeavesTheLastRowAndColumnFree) {
  PictureInPlace picture;
  const std::vector<std::string> lines{"12345", "2", "3", "4"};
  EXPECT_EQ(picture.draw(lines, {.columns = 5, .rows = 3}), "1234\x1b[K\n2\x1b[K\n\x1b[J");
  EXPECT_EQ(picture.draw(lines, {.columns = 5, .rows = 2}), "\x1b[1A\r1234\x1b[K\n\x1b[J")
      << "the cursor cannot move above the top";
}

TEST(PictureInPlace, IgnoresColoursInWidthAndKeepsThemAfterACut) {
  PictureInPlace picture;
  EXPECT_EQ(picture.draw({"\x1b[31mred\x1b[0m!"}, {.columns = 5, .rows = 24}),
            "\x1b[31mred\x1b[0m!\x1b[K\n\x1b[J");
  EXPECT_EQ(picture.draw({"\x1b[31mreddish\x1b[0m!"}, {.columns = 4, .rows = 24}),
            "\x1b[1A\r\x1b[31mred\x1b[0m\x1b[K\n\x1b[J");
}

TEST(PictureInPlace, ClearsTheScreenAfterTheWindowNarrows) {
  PictureInPlace picture;
  static_cast<void>(picture.draw({"twelve chars"}, usual));
  EXPECT_EQ(picture.draw({"x"}, {.columns = 12, .rows = 24}), "\x1b[1A\rx\x1b[K\n\x1b[J")
      << "the old line still fits";
  static_cast<void>(picture.draw({"twelve chars"}, usual));
  EXPECT_EQ(picture.draw({"x"}, {.columns = 11, .rows = 24}), "\x1b[H\x1b[2Jx\x1b[K\n\x1b[J");
  EXPECT_EQ(picture.draw({"x"}, usual), "\x1b[1A\rx\x1b[K\n\x1b[J");
}

TEST(PictureInPlace, FinishMayScroll) {
  PictureInPlace picture;
  EXPECT_EQ(picture.draw({"1", "2", "3"}, {.columns = 80, .rows = 3}), "1\x1b[K\n2\x1b[K\n\x1b[J");
  EXPECT_EQ(picture.finish({"1", "2", "3"}, {.columns = 80, .rows = 3}),
            "\x1b[2A\r1\x1b[K\n2\x1b[K\n3\x1b[K\n\x1b[J");
}

TEST(Bar, RoundsNeitherToEmptyNorToFull) {
  EXPECT_EQ(bar(0, 8, 4), "....");
  EXPECT_EQ(bar(4, 8, 4), "##..");
  EXPECT_EQ(bar(8, 8, 4), "####");
  EXPECT_EQ(bar(9, 8, 4), "####");
  EXPECT_EQ(bar(1, 1000, 4), "#...") << "a small part is visible";
  EXPECT_EQ(bar(999, 1000, 4), "###.") << "nearly full is less than full";
  EXPECT_EQ(bar(0, 0, 4), "....");
  EXPECT_EQ(bar(1, 2, 0), "");
  EXPECT_EQ(bar(1, 2, 1), "#");
  EXPECT_EQ(bar(UINT64_MAX, UINT64_MAX, 2), "##");
}

TEST(WrapWords, BreaksAtBlanks) {
  EXPECT_EQ(join_lines(wrap_words("one two three", 7)), "one two\nthree\n");
  EXPECT_EQ(join_lines(wrap_words("one two three", 6)), "one\ntwo\nthree\n");
  EXPECT_EQ(join_lines(wrap_words("one extraordinary word", 6)), "one\nextraordinary\nword\n");
  EXPECT_EQ(join_lines(wrap_words("", 6)), "");
}

TEST(WrapLines, BreaksLongLinesOnly) {
  EXPECT_EQ(wrap_lines("one two\nthree four\n", 7), "one two\nthree\nfour\n");
  EXPECT_EQ(wrap_lines("one two\nthree four", 10), "one two\nthree four");
  EXPECT_EQ(wrap_lines("one two ", 7), "one two\n");
  EXPECT_EQ(wrap_lines("\n\n", 7), "\n\n");
}

TEST(WrapLines, IndentsContinuationLines) {
  EXPECT_EQ(wrap_lines("  one two three\n", 9), "  one two\n  three\n");
  EXPECT_EQ(wrap_lines("one two three", 7, 2), "one two\n  three");
}

TEST(WrapLines, KeepsLongWordsWhole) {
  EXPECT_EQ(wrap_lines("an extraordinary word", 6), "an\nextraordinary\nword");
  EXPECT_EQ(wrap_lines("   extraordinary\n", 2), "   extraordinary\n");
}

TEST(PictureInPlace, DoesNotMoveUpOnOneRow) {
  PictureInPlace picture;
  static_cast<void>(picture.draw({"x"}, {.columns = 1, .rows = 1}));
  EXPECT_EQ(picture.draw({"x"}, {.columns = 1, .rows = 1}), "\x1b[K\n\x1b[J");
}

}  // namespace
