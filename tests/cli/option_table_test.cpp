#include "tcpserver/cli/option_table.hpp"

#include "tcpserver/cli/option_values.hpp"

#include "harness/arguments.hpp"
#include "harness/temporary_folder.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::cli;
using tcpserver::base::ExitStatus;
using tcpserver::base::StartError;

constexpr Program program{.name = "prog",
                          .synopsis = "[OPTION]...",
                          .purpose = "Do something.",
                          .environment_prefix = "PROG_",
                          .operands = "",
                          .notes = "Note well.\n"};

// All that was stored, in order.
struct Sample {
  std::vector<std::string> applied;
};

OptionTable<Sample> table() {
  const auto record = member(&Sample::applied, [](std::vector<std::string>& applied, const RawValue& value) {
    if (value.text == "bad") refuse(value, "good");
    applied.push_back(value.label + "=" + std::string(value.text));
  });
  return {{"max-size", 's', "N", "7", "how much", record},
          {"name", '\0', "TEXT", "", "what it is called", record},
          {"loud", 'l', "", "", "speak up", record},
          {"config", '\0', "FILE", "", "more of the same",
           member(&Sample::applied, [](std::vector<std::string>&, const RawValue&) {})},
          {"help", 'h', "", "", "show this"},
          {"version", 'V', "", "", "show the version"}};
}

struct Outcome {
  std::vector<std::string> applied;
  Parsed parsed;
  std::string error;
  ExitStatus status = ExitStatus::usage;  // of the error
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

TEST(OptionTable, TakesEverySpellingOfAFlag) {
  for (const auto& words : std::vector<Texts>{{"--max-size", "5"}, {"--max-size=5"}, {"-s", "5"}, {"-s5"}}) {
    EXPECT_EQ(parse(words).applied, Texts{"--max-size=5"}) << words[0];
  }
  EXPECT_EQ(parse({"--max-size="}).applied, Texts{"--max-size="});
  EXPECT_EQ(parse({"--max-size", "-5"}).applied, Texts{"--max-size=-5"});
  EXPECT_EQ(parse({"--name", "--max-size"}).applied, Texts{"--name=--max-size"});
}

TEST(OptionTable, AppliesARepeatedFlagInOrderAndChecksEach) {
  EXPECT_EQ(parse({"-s", "1", "--max-size", "2"}).applied, (Texts{"--max-size=1", "--max-size=2"}));
  EXPECT_EQ(parse({"-s", "bad", "-s", "2"}).error, "--max-size: 'bad' is not good");
}

TEST(OptionTable, RefusesABadVariableButNotOneThatAFlagBeats) {
  EXPECT_EQ(parse({}, {"PROG_MAX_SIZE=bad"}).error, "PROG_MAX_SIZE: 'bad' is not good");
  const auto beaten = parse({"-s", "5"}, {"PROG_MAX_SIZE=bad"});
  EXPECT_EQ(beaten.applied, Texts{"--max-size=5"});
  EXPECT_EQ(beaten.parsed.warnings,
            Texts{"warning: PROG_MAX_SIZE: 'bad' is not good (--max-size is in effect instead)"});
}

TEST(OptionTable, WarnsOfUnknownVariablesWithThePrefix) {
  const auto outcome =
      parse({}, {"PROG_HELP=1", "PROG_MAX_SIZ=3", "OTHER=1", "PROGRAM=2", "PROG_MAX_SIZE=1"});
  EXPECT_EQ(
      outcome.parsed.warnings,
      (Texts{"warning: the variable 'PROG_HELP' is not one of prog's and has no effect",
             "warning: the variable 'PROG_MAX_SIZ' is not one of prog's and has no effect; did you mean "
             "PROG_MAX_SIZE?"}));
  EXPECT_EQ(outcome.applied, Texts{"PROG_MAX_SIZE=1"});
}

TEST(OptionTable, AFlagBeatsTheVariableTheVariableTheFileTheFileTheDefault) {
  const harness::TextFile file("max-size = 1\nname=from the file\nmax-size=2\n");
  const auto line = [&file](const char* rest) { return file.path() + " line " + rest; };
  EXPECT_EQ(parse({"--config", file.path()}).applied,
            (Texts{line("1: max-size=1"), line("2: name=from the file"), line("3: max-size=2")}));
  EXPECT_EQ(parse({}, {"PROG_CONFIG=" + file.path(), "PROG_MAX_SIZE=3"}).applied,
            (Texts{line("2: name=from the file"), "PROG_MAX_SIZE=3"}));
  EXPECT_EQ(parse({"--config=" + file.path(), "-s", "4", "--name", "x"}, {"PROG_MAX_SIZE=3"}).applied,
            (Texts{"--max-size=4", "--name=x"}));
  EXPECT_EQ(parse({"--config", file.path()}, {"PROG_CONFIG=/nowhere"}).applied.size(), 3U);
  EXPECT_EQ(parse({"--name", "x"}, {"PROG_MAX_SIZE=3"}).applied, (Texts{"PROG_MAX_SIZE=3", "--name=x"}));
  EXPECT_EQ(parse({"--loud"}, {"PROG_LOUD=off"}).applied, Texts{"--loud=on"});
}

TEST(OptionTable, ChecksEveryLineOfTheFileBeatenOrNot) {
  const harness::TextFile file("max-size = bad\n");
  const std::string where = file.path() + " line 1: ";
  EXPECT_EQ(parse({"--config", file.path()}).error, where + "max-size: 'bad' is not good");
  EXPECT_EQ(parse({"--config", file.path(), "-s", "4"}).error, where + "max-size: 'bad' is not good");
  EXPECT_EQ(parse({"--config", file.path()}, {"PROG_MAX_SIZE=4"}).error,
            where + "max-size: 'bad' is not good");
  file.write("max_size = 3");
  EXPECT_EQ(
      parse({"--config", file.path()}).error,
      where +
          "unknown option 'max_size'; did you mean max-size? (the names are those of prog --help, without "
          "the dashes)");
  for (const char* text : {"help = on", "version = on"}) {
    file.write(text);
    EXPECT_TRUE(contains(parse({"--config", file.path()}).error, "unknown option")) << text;
  }
  file.write("config = /etc/other");
  EXPECT_EQ(parse({"--config", file.path()}).error, where + "a configuration file cannot name another one");
}

TEST(OptionTable, RefusesAFileThatCannotBeRead) {
  const auto outcome = parse({"--config", "/nowhere/x"});
  EXPECT_EQ(outcome.error, "cannot read the configuration file '/nowhere/x': No such file or directory");
  EXPECT_EQ(outcome.status, ExitStatus::no_input);
  EXPECT_EQ(parse({"--config", ""}).error, "--config: '' is not a file's name");
}

TEST(OptionTable, RefusesWhatIsNoOptionAndSuggestsOneThatIsNear) {
  const std::string end = " (prog --help lists them all)";
  const std::pair<Texts, std::string> refusals[] = {
      {{"--frobnicate=x"}, "unknown option '--frobnicate'" + end},
      {{"-x"}, "unknown option '-x'" + end},
      {{"-lx"}, "unknown option '-x'" + end},
      {{"--max-sise", "5"}, "unknown option '--max-sise'; did you mean --max-size?" + end},
      {{"--nome", "x"}, "unknown option '--nome'; did you mean --name?" + end},
      {{"--lame", "x"}, "unknown option '--lame'; did you mean --name?" + end},
      {{"--lane", "x"}, "unknown option '--lane'" + end},
      {{"--max", "5"}, "unknown option '--max'; did you mean --max-size?" + end},
      {{"--max=5"}, "unknown option '--max'; did you mean --max-size?" + end},
      {{"--max-siz", "5"}, "unknown option '--max-siz'; did you mean --max-size?" + end},
      {{"--vers"}, "unknown option '--vers'; did you mean --version?" + end},
      {{"--max-size"}, "--max-size needs a value: --max-size N"},
      {{"-s"}, "--max-size needs a value: --max-size N"},
      {{"--help=x"}, "--help takes no value"},
      {{"--loud=on"}, "--loud takes no value"},
      {{"x"}, "unexpected argument 'x': prog takes options only"},
      {{"--", "-s"}, "unexpected argument '-s': prog takes options only"},
      {{""}, "unexpected argument '': prog takes options only"},
      {{"-"}, "unexpected argument '-': prog takes options only"}};
  for (const auto& [words, refusal] : refusals) EXPECT_EQ(parse(words).error, refusal);
}

TEST(OptionTable, HelpAndVersionComeBeforeValues) {
  EXPECT_EQ(parse({"-s", "bad", "--version"}).parsed.text_to_show.substr(0, 5), "prog ");
  EXPECT_EQ(
      parse({"-h"}).parsed.text_to_show,
      "Usage: prog [OPTION]...\n"
      "Do something.\n"
      "\n"
      "  -s, --max-size N          how much (default 7)\n"
      "      --name TEXT           what it is called\n"
      "  -l, --loud                speak up\n"
      "      --config FILE         more of the same\n"
      "  -h, --help                show this\n"
      "  -V, --version             show the version\n"
      "\n"
      "Every option may also come from the environment, such as --max-size from PROG_MAX_SIZE, and from a\n"
      "line of the --config file, such as: max-size = 7\n"
      "A flag beats the variable, the variable the file, the file the default. Options without a value\n"
      "are on or off there.\n"
      "\n"
      "Note well.\n");
}

TEST(OptionTable, TakesSwitchesTogetherAndOperandsAnywhere) {
  EXPECT_EQ(parse({"-ls5"}).applied, (Texts{"--loud=on", "--max-size=5"}));
  EXPECT_EQ(parse({"-s", "--"}).applied, Texts{"--max-size=--"});
  EXPECT_EQ(parse({"--"}).error, "");
}

struct Running {
  bool idle = false;
  std::uint32_t size = 7;
  std::uint32_t limit = 1;
  Duration pause{};
  bool loud = false;
};

const OptionTable<Running>& running_table() {
  static const OptionTable<Running> rows{
      {"idle", '\0', "", "", "", member(&Running::idle, on_or_off)},
      {"size", '\0', "N", "", "", member(&Running::size, number(0, 9, "a size")), Effect::now},
      {"limit", '\0', "N", "", "", member(&Running::limit, number(0, 9, "a limit")), Effect::now,
       [](const Running& running) { return running.idle; }},
      {"pause", '\0', "D", "", "", member(&Running::pause, duration), Effect::next_connection},
      {"loud", '\0', "", "", "", member(&Running::loud, on_or_off)},
      {"help", '\0', "", "", ""}};
  return rows;
}

TEST(Reload, TakesOverWhatNeedsNoRestart) {
  const Running running;
  const auto same = compare(running_table(), running, running);
  EXPECT_EQ(same.changed + same.needs_restart, "");
  const Running read{.idle = true, .size = 3, .limit = 2, .pause = std::chrono::seconds(2), .loud = true};
  const auto reload = compare(running_table(), running, read);
  EXPECT_EQ(reload.changed, "size 7 -> 3, limit 1 -> 2, pause 0s -> 2s");
  EXPECT_EQ(reload.needs_restart, "idle, loud");
  EXPECT_EQ(reload.options.size, 3U);
  EXPECT_EQ(reload.options.limit, 2U);
  EXPECT_FALSE(reload.options.idle || reload.options.loud);
}

TEST(Reload, IsSilentAboutOptionsWithoutEffect) {
  const Running running{.idle = true};
  Running read = running;
  read.limit = 5;
  const auto reload = compare(running_table(), running, read);
  EXPECT_EQ(reload.changed + reload.needs_restart, "");
  EXPECT_EQ(reload.options.limit, 5U);
  EXPECT_EQ(unused_options(running_table(), read), "--limit");
  EXPECT_EQ(unused_options(running_table(), running), "");
}

}  // namespace
