#include "cli/config_file.hpp"

#include "tcpserver/base/system_error.hpp"

#include "harness/temporary_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::cli;
using tcpserver::base::ExitStatus;
using tcpserver::base::StartError;

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

TEST(ConfigFile, IsLinesOfNameAndValue) {
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown("\n\n"), "");
  EXPECT_EQ(shown("a=1"), "1:a=1;");
  EXPECT_EQ(shown("# comment\n\n  a-b =  x y  \n\t#c=d\nb=\r\nc = 1=2 # 3\n"), "3:a-b=x y;5:b=;6:c=1=2 # 3;");
}

TEST(ConfigFile, MalformedLinesHaveAnErrorThatDoesNotQuoteThem) {
  const std::string form = "=the line is not of the form: name = value;";
  EXPECT_EQ(shown("a=1\nport\nb=2"), "1:a=1;2:" + form + "3:b=2;");
  EXPECT_EQ(shown(" = 5"), "1:" + form);
  EXPECT_EQ(shown("[section]"), "1:" + form);
  EXPECT_EQ(shown(std::string_view("a=\0b", 4)), "1:=the line has control characters;");
  EXPECT_EQ(shown("\n\n# \x1b[31m"), "3:=the line has control characters;");
}

TEST(ConfigFile, IsReadWhole) {
  const std::string text(100'000, 'x');
  const harness::TextFile file(text);
  EXPECT_EQ(read_config_file(file.path()), text);
}

TEST(ConfigFile, IsARegularFileOfSomeSize) {
  const std::string start = "cannot read the configuration file ";
  EXPECT_EQ(read_error("/"), start + "'/': it is not a regular file");
  EXPECT_EQ(read_error("/dev/zero"), start + "'/dev/zero': it is not a regular file");
  const harness::TextFile large(std::string(largest_config_file + 1, '#'));
  EXPECT_EQ(read_error(large.path()), start + "'" + large.path() + "': it has more than 1048576 bytes");

  const harness::TextFile place;
  const std::string fifo = place.path() + ".fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(read_error(fifo), start + "'" + fifo + "': it is not a regular file")
      << "and does not wait for a writer";
  ::unlink(fifo.c_str());
}

}  // namespace
