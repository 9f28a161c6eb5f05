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
  EXPECT_EQ(shown("# comment\n\n  a-b =  x y  \n\t#c=d\nb=\r\nc = 1=2 # 3\n"), "3:a-b=x y;5:b=;6:c=1=2 # 3;");
}

TEST(ConfigFile, DoesNotQuoteMalformedLines) {
  const auto malformed = shown("a=1\nport\nb=2");
  EXPECT_TRUE(malformed.starts_with("1:a=1;2:=") && malformed.ends_with(";3:b=2;")) << malformed;
  EXPECT_FALSE(contains(malformed, "port"));
  EXPECT_TRUE(shown(" = 5").starts_with("1:="));
  EXPECT_TRUE(contains(shown("[section]"), "key = value"));
  EXPECT_TRUE(contains(shown(std::string_view("a=\0b", 4)), "control characters"));
  EXPECT_TRUE(shown("\n\n# \x1b[31m").starts_with("3:="));
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
