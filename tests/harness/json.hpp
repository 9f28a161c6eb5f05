#pragma once

#include "harness/process.hpp"

#include <gtest/gtest.h>

#include <string>

namespace harness {

// What a JSON reader of another language makes of it: EXPRESSION of `d`, the document, as Python prints it.
[[nodiscard]] inline std::string by_python(const std::string& json, const std::string& expression) {
  const auto result =
      run({"python3", "-c", "import json, sys\nd = json.load(sys.stdin)\nprint(" + expression + ")"},
          {.input = json});
  EXPECT_EQ(result.ending, 0) << result.errors << json;
  return result.output;
}

}  // namespace harness
