#include "tcpserver/cli/option_values.hpp"

#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::cli;

// Returns the value that the parser returns, or the error.
std::string path_or_error(std::string_view text) {
  try {
    return path()({text, "--name"});
  } catch (const StartError& error) {
    return error.what();
  }
}

TEST(Values, PathsRefuseStrayCharacters) {
  for (const std::string good : {"/tmp/x", "/tmp/Pr\u00fcfung",
                                 "/tmp/Pr\xfc"
                                 "fung",
                                 "a b", "a # b", "it's"}) {
    EXPECT_EQ(path_or_error(good), good);
  }
  const std::pair<const char*, const char*> mistakes[] = {{"\"/tmp/x\"", "the quotes"},
                                                          {"'/tmp/x", "the quotes"},
                                                          {"\u201c/tmp/x\u201d", "the quotes"},
                                                          {"/tmp/x\u2019", "the quotes"},
                                                          {" /tmp/x", "the blanks"},
                                                          {"/tmp/x\t", "the blanks"},
                                                          {"/tmp/x\r", "ends with a carriage return"},
                                                          {"/tmp/x,", "a comma"},
                                                          {"/tmp/x;", "a semicolon"},
                                                          {"/tmp/a\x07", "a control character"},
                                                          {"/tmp/\u00a0x", "a no-break space"},
                                                          {"/tmp/\xa0x", "a no-break space"},
                                                          {"/tmp/x\u200b", "a zero-width space"}};
  for (const auto& [text, fact] : mistakes) EXPECT_TRUE(contains(path_or_error(text), fact)) << text;
}

TEST(Values, BooleansAcceptSynonyms) {
  for (const char* word : {"on", "ON", "true", "True", "yes", "YES", "1"})
    EXPECT_EQ(parse_boolean(word), true);
  for (const char* word : {"off", "oFF", "false", "no", "No", "0"}) EXPECT_EQ(parse_boolean(word), false);
  EXPECT_EQ(parse_boolean(std::string_view("on\0", 3)), std::nullopt);
  for (const char* word : {"", "2", "y", "t", "enabled", " on", "00", "\x11"})
    EXPECT_EQ(parse_boolean(word), std::nullopt);
}

std::string items_or_error(std::string_view text) {
  try {
    std::string items;
    for (const auto& item : split_list({text, "--name"}, "an item"))
      items += "<" + std::string(item.text) + ">";
    return items;
  } catch (const StartError& error) {
    return error.what();
  }
}

TEST(Values, ListsIgnoreBlanksAroundItems) {
  EXPECT_EQ(items_or_error(" a\t,  b ,c"), "<a><b><c>");
  const std::pair<const char*, const char*> mistakes[] = {{"", "expected an item"},
                                                          {" ", "expected an item"},
                                                          {",a", "empty item before the first"},
                                                          {"a,", "empty item after the last"},
                                                          {"a, ,b", "empty item between"},
                                                          {"a b", "with commas"},
                                                          {"a;b", "with commas"}};
  for (const auto& [text, fact] : mistakes) EXPECT_TRUE(contains(items_or_error(text), fact)) << text;
}

// Returns HOST and PORT after parsing the operands, or the error.
std::string host_and_port(const std::vector<std::string_view>& operands) {
  std::string host = "localhost";
  std::uint16_t port = 54321;
  try {
    take_host_and_port(operands, host, port);
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    return error.what();
  }
  return host + " " + std::to_string(port);
}

TEST(Operands, AcceptHostAndPortInOneWordOrTwo) {
  const std::pair<std::vector<std::string_view>, const char*> samples[] = {
      {{}, "localhost 54321"},      {{"h"}, "h 54321"},     {{"h", "7"}, "h 7"},     {{"h:7"}, "h 7"},
      {{"1.2.3.4:7"}, "1.2.3.4 7"}, {{"::1"}, "::1 54321"}, {{"::1", "7"}, "::1 7"}, {{"[::1]"}, "::1 54321"},
      {{"[::1]", "7"}, "::1 7"},    {{"[::1]:7"}, "::1 7"}};
  for (const auto& [operands, expected] : samples) EXPECT_EQ(host_and_port(operands), expected);
}

TEST(Operands, RefuseOtherForms) {
  for (const std::vector<std::string_view>& operands :
       std::initializer_list<std::vector<std::string_view>>{{""},
                                                            {":7"},
                                                            {"h:"},
                                                            {"h:x"},
                                                            {"h:7", "8"},
                                                            {"h", "7", "8"},
                                                            {"h", "0"},
                                                            {"h:65536"},
                                                            {"7300"},
                                                            {"[::1"},
                                                            {"[::1]7"},
                                                            {"[]:7"},
                                                            {"[::1]:"},
                                                            {"[::1]:7", "8"}}) {
    EXPECT_FALSE(host_and_port(operands).starts_with("h ")) << host_and_port(operands);
    EXPECT_FALSE(host_and_port(operands).starts_with("::1 ")) << host_and_port(operands);
  }
  EXPECT_TRUE(contains(host_and_port({"7300"}), "localhost:7300"));
}

}  // namespace
