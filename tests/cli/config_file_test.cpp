#include "cli/config_file.hpp"

#include "tcpserver/base/system_error.hpp"

#include "harness/temporary_directory.hpp"
#include "harness/text.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::cli;
using harness::contains;
using harness::occurrences;
using tcpserver::base::ExitStatus;
using tcpserver::base::StartError;

// Returns the lines of a configuration file as "NUMBER:NAME=VALUE;"; a malformed line has its error as value.
std::string shown(std::string_view text) {
  std::string all;
  for (const auto& line : parse_config(text)) {
    all += std::to_string(line.number) + ":" + line.name + "=" + line.value + ";";
  }
  return all;
}

template <typename Call>
std::string caught(ExitStatus expected, Call call) {
  try {
    call();
    return "no error";
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), expected);
    return error.what();
  }
}

std::string read_error(const std::string& path) {
  return caught(ExitStatus::no_input, [&] { static_cast<void>(read_config_file(path)); });
}

TEST(ConfigFile, ParsesLinesOfNameAndValue) {
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown("\n\n"), "");
  EXPECT_EQ(shown("a=1"), "1:a=1;");
  EXPECT_EQ(shown("# comment\n\n  a-b =  x y  \n\t#c=d\nb=#\r\nc = 1=2 # 3\n"), "3:a-b=x y;5:b=#;6:c=1=2;");
}

TEST(ConfigFile, DoesNotQuoteMalformedLines) {
  const auto malformed = shown("a=1\nport\nb=2");
  EXPECT_TRUE(malformed.starts_with("1:a=1;2:=") && malformed.ends_with(";3:b=2;")) << malformed;
  EXPECT_FALSE(contains(malformed, "port"));
  EXPECT_TRUE(shown(" = 5").starts_with("1:="));
  EXPECT_TRUE(contains(shown("[section]"), "key = value"));
  EXPECT_TRUE(contains(shown("\f\na=1"), "a form feed"));
}

TEST(ConfigFile, CommentsFollowABlank) {
  for (const char* text :
       {"a = 1 # c", "a = 1\t; c", "; c\ra=1 ;", "  ; c = d\na=1", "a = '1' # '", "a=\"1\""}) {
    EXPECT_TRUE(contains(shown(text), ":a=1;")) << text;
  }
  EXPECT_EQ(shown("a = /tmp/m#1.prom"), "1:a=/tmp/m#1.prom;");
  EXPECT_EQ(shown("a = \"b # c; \" ; d"), "1:a=b # c; ;");
  EXPECT_TRUE(contains(shown("a = ''"), "empty value"));
  EXPECT_EQ(shown("# b = 1\ra = 2\na = 3"), "2:a=3;") << "a lone CR ends lines only in a file without LF";
}

TEST(ConfigFile, ExplainsForeignSyntax) {
  const std::pair<const char*, const char*> samples[] = {{"a = \"1", "double quote has no closing quote"},
                                                         {"a = '1\"", "single quote has no closing quote"},
                                                         {"a = \"1\"#c", "after the closing quote"},
                                                         {"a = '1' '2'", "after the closing quote"},
                                                         {"a =", "empty value"},
                                                         {"a = # 1", "empty value"},
                                                         {"a # b = 1", "= is missing"},
                                                         {"a: 7", "write = instead of :"},
                                                         {"a : 7", "write = instead of :"},
                                                         {"a 7", "= is missing"},
                                                         {"[a]", "no sections"},
                                                         {"--a 7", "dashes"},
                                                         {"// a", "comment begins with"},
                                                         {"a = 1 // b", "begin a comment"},
                                                         {"a == 1", "one ="},
                                                         {"a = 1;", "semicolon"},
                                                         {"a = 1;b", "in the value"},
                                                         {"a = 1# b", "begin a comment"},
                                                         {"a = 1 \"b\"", "quote in the value"},
                                                         {"a = /tmp/m \\", "backslash"},
                                                         {"a\u00a07", "no-break space"},
                                                         {"a = 1\u00a0# b", "no-break space"}};
  for (const auto& [text, fact] : samples) {
    EXPECT_TRUE(shown(text).starts_with("1:=")) << text;
    EXPECT_TRUE(contains(shown(text), fact)) << text;
  }
}

// Returns the text as UTF-16 or UTF-32 (`width` is 2 or 4) without a byte order mark.
std::string widen(std::string_view text, std::size_t width, bool big_endian) {
  std::string wide;
  for (const char c : text) {
    std::string character(width, '\0');
    character[big_endian ? width - 1 : 0] = c;
    wide += character;
  }
  return wide;
}

TEST(ConfigFile, AcceptsFilesOfOtherEditors) {
  for (const char* text : {"\xef\xbb\xbf"
                           "a=1\nb=2\n",
                           "a=1\r\nb=2\r\n", "a=1\rb=2\r", "a=1\nb=2\x1a", "a=1\r\nb=2\r\n\x1a\x1a\n",
                           "a=1 # caf\xe9\nb=2 # \u00a0"}) {
    EXPECT_EQ(shown(text), "1:a=1;2:b=2;") << text;
  }
  EXPECT_EQ(shown("\xef\xbb\xbf"), "");
}

TEST(ConfigFile, NamesOtherEncodingsOnce) {
  const std::string text = "# comment\nport = 7300\nbacklog = 5\n";
  for (const bool big_endian : {false, true}) {
    EXPECT_EQ(occurrences(shown(widen(text, 2, big_endian)), "UTF-16"), 1U);
    EXPECT_EQ(occurrences(shown(widen(text, 4, big_endian)), "UTF-32"), 1U);
  }
  EXPECT_TRUE(contains(shown("\xff\xfe" + widen(text, 2, false)), "UTF-16"));
  EXPECT_TRUE(contains(shown("\xfe\xff" + widen(text, 2, true)), "UTF-16"));
  EXPECT_TRUE(contains(shown(std::string("\xff\xfe\0\0", 4) + widen(text, 4, false)), "UTF-32"));
  EXPECT_TRUE(contains(shown(std::string(8, '\0')), "a NUL byte"));
}

TEST(ConfigFile, ReadsAWholeFile) {
  const std::string text(100'000, 'x');
  const harness::TextFile file(text);
  EXPECT_EQ(read_config_file(file.path()), text);
}

TEST(ConfigFile, RefusesSpecialAndLargeFiles) {
  EXPECT_TRUE(contains(read_error("/"), "'/': it is not a regular file"));
  EXPECT_TRUE(contains(read_error("/dev/zero"), "'/dev/zero': it is not a regular file"));
  const harness::TextFile large(std::string(largest_config_file + 1, '#'));
  EXPECT_TRUE(contains(read_error(large.path()), "1048576 bytes"));

  const harness::TextFile place;
  const std::string fifo = place.path() + ".fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_TRUE(contains(read_error(fifo), "not a regular file")) << "it must not wait for a writer";
  ::unlink(fifo.c_str());
}

}  // namespace
