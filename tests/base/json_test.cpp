#include "tcpserver/base/json.hpp"

#include "harness/json.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using namespace tcpserver::base;

std::string string_in_json(std::string_view text) {
  std::string json;
  JsonWriter(json).value(text);
  return json;
}

TEST(Json, EscapesStrings) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", R"("")"},
      {"plain text", R"("plain text")"},
      {R"(a "word" \ /)", R"("a \"word\" \\ /")"},
      {"\n\t\x01\x1f\x7f", R"("\u000a\u0009\u0001\u001f\u007f")"},
      {std::string_view("\0", 1), R"("\u0000")"},
      {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\""},
      {"\xff \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82",
       R"("\ufffd \ufffd\ufffd \ufffd\ufffd\ufffd \ufffd\ufffd\ufffd\ufffd \ufffd\ufffd")"}};
  for (const auto& [text, json] : cases) EXPECT_EQ(string_in_json(text), json);
}

template <typename Text>
void write_everything(Text& text) {
  JsonWriter json(text);
  json.begin_object();
  json.member("bool", true);
  json.member("least", INT64_MIN);
  json.member("most", UINT64_MAX);
  json.member("shortest", 0.1);
  json.member("fixed", 2.0, 3);
  json.member("text", "a\"b");
  json.member("none", std::optional<double>(), 3);
  json.member("some", std::optional(7));
  json.break_line();
  json.begin_array("rows");
  for (const int row : {1, 2}) {
    json.break_line();
    json.begin_array();
    json.value(row);
    json.value(nullptr);
    json.end_array();
  }
  json.break_line();
  json.end_array();
  json.begin_object("empty");
  json.end_object();
  json.end_object();
}

constexpr std::string_view everything =
    R"({"bool": true, "least": -9223372036854775808, "most": 18446744073709551615, "shortest": 0.1, "fixed": 2.000, )"
    R"("text": "a\"b", "none": null, "some": 7,
  "rows": [
  [1, null],
  [2, null]
], "empty": {}})";

TEST(Json, WritesTheSameToStringAndBoundedText) {
  std::string growing;
  write_everything(growing);
  EXPECT_EQ(growing, everything);
  BoundedText<500> bounded;
  write_everything(bounded);
  EXPECT_EQ(std::string(bounded.c_str()), everything);
}

TEST(Json, OmitsMembersThatDoNotFit) {
  BoundedText<32> text;  // 31 bytes
  JsonWriter json(text);
  json.begin_object();
  json.member("a", "0123456789");
  json.member("b", "0123456789");
  json.member("c", 12345);
  json.member("d", 1);
  json.end_object();
  EXPECT_STREQ(text.c_str(), R"({"a": "0123456789", "c": 12345})");
}

TEST(Json, CutsAStringBetweenCharacters) {
  const auto cut_to = [](std::size_t length) {
    BoundedText<40> text;
    text.append("%s", std::string(39 - length, ' ').c_str());
    JsonWriter json(text);
    json.begin_array();
    json.value("x\n\xe2\x82\xac\xff");
    json.end_array();
    return std::string(text.c_str() + 39 - length);
  };
  const std::pair<std::size_t, std::string_view> cases[] = {{20, "[\"x\\u000a\xe2\x82\xac\\ufffd\"]"},
                                                            {19, "[\"x\\u000a\xe2\x82\xac\"]"},
                                                            {13, "[\"x\\u000a\"]"},
                                                            {10, "[\"x\"]"},
                                                            {5, "[\"x\"]"},
                                                            {4, "[\"\"]"}};
  for (const auto& [length, json] : cases) EXPECT_EQ(cut_to(length), json);
}

// The JSON reader of the test harness.
TEST(JsonReader, FindsValuesAndRefusesInvalidJson) {
  const harness::Json json(R"( {"a": [1, -2.5e1], "b": {"x": "q\"\u00e4", "e": []}, "c": null} )");
  EXPECT_EQ(json.values("a.* b c a.0"), "1 -2.5e1 {x: q\"\u00e4, e: []} null 1");
  EXPECT_EQ(json.number("a.1"), -25);
  EXPECT_EQ(json.keys("b"), "x e");
  EXPECT_THROW(static_cast<void>(json.values("d")), std::runtime_error);
  for (const char* text :
       {"", "{", "[1,]", "{\"a\":1,}", "01", "\"\n\"", "\"\\x\"", "1 2", "{a:1}", "nul", "[1}"}) {
    EXPECT_THROW(harness::Json{text}, std::runtime_error) << text;
  }
}

}  // namespace
