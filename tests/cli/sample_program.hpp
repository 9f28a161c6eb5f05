#pragma once

#include "tcpserver/cli/option_table.hpp"
#include "tcpserver/cli/option_values.hpp"

#include "harness/arguments.hpp"
#include "harness/temporary_directory.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

// A program with a few options, for the tests of the option table.
namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::cli;

constexpr Synonym synonyms[] = {{"length", "max-size"}};

constexpr Program program{.name = "prog",
                          .synopsis = "[OPTION]...",
                          .purpose = "Do something.",
                          .environment_prefix = "PROG_",
                          .operands = "",
                          .notes = "Note well.\n",
                          .examples = "  prog -s 5\n",
                          .manual = "prog",
                          .features = "static",
                          .synonyms = synonyms};

// Records the applied values in their order.
struct Sample {
  std::vector<std::string> applied;
};

OptionTable<Sample> table() {
  const auto record = member(&Sample::applied, [](std::vector<std::string>& applied, const RawValue& value) {
    if (value.text == "bad") refuse(value, "good");
    applied.push_back(value.label + "=" + std::string(value.text));
  });
  return {heading<Sample>("Sizes"),
          {"max-size", 's', "N", "7", "how much", record},
          heading<Sample>("Others"),
          {"name", '\0', "TEXT", "", "what it is called", record},
          {"loud", 'l', "", "", "speak up", record},
          {"config", '\0', "FILE", "", "more of the same",
           member(&Sample::applied, [](std::vector<std::string>&, const RawValue&) {})},
          {"test", 't', "", "", "check"},
          {"help", 'h', "", "", "show this"},
          {"version", 'V', "", "", "show the version"}};
}

struct Outcome {
  std::vector<std::string> applied;
  Parsed parsed;
  std::string error;
  ExitStatus status = ExitStatus::usage;  // the status of the error
};

Outcome parse(std::vector<std::string> words, std::vector<std::string> variables = {}) {
  words.insert(words.begin(), "prog");
  const harness::Arguments arguments(std::move(words), std::move(variables));
  Sample sample;
  Outcome outcome;
  try {
    outcome.parsed = parse_arguments(program, table(), sample, arguments.count(), arguments.argv(),
                                     arguments.environment());
  } catch (const StartError& error) {
    outcome.status = error.status();
    outcome.error = error.what();
  }
  outcome.applied = sample.applied;
  return outcome;
}

using Texts = std::vector<std::string>;

// True if the text contains all these facts.
testing::AssertionResult has(const std::string& text, const Texts& facts) {
  for (const auto& fact : facts) {
    if (const auto found = contains(text, fact); !found) return found;
  }
  return testing::AssertionSuccess();
}

}  // namespace
