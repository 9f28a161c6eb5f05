#pragma once

#include "harness/process.hpp"

#include <gtest/gtest.h>

#include <string>

namespace harness {

// A string that a careless writer of JSON does not escape, and what a careful one makes of it.
inline constexpr const char* hostile = "\"\\\n\x7f\xff";
inline constexpr const char* hostile_in_json = R"(: "\"\\\u000a\u007f\ufffd")";

// What a JSON reader of another language makes of it: EXPRESSION of `d`, the document, as Python prints it.
[[nodiscard]] inline std::string by_python(const std::string& json, const std::string& expression) {
  const auto result =
      run({"python3", "-c", "import json, sys\nd = json.load(sys.stdin)\nprint(" + expression + ")"},
          {.input = json});
  EXPECT_EQ(result.ending, 0) << result.errors << json;
  return result.output;
}

}  // namespace harness
