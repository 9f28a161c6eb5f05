#include "cli/sample_program.hpp"

namespace {

TEST(OptionTable, AcceptsEverySpellingOfAFlag) {
  for (const auto& words : std::vector<Texts>{{"--max-size", "5"}, {"--max-size=5"}, {"-s", "5"}, {"-s5"}}) {
    EXPECT_EQ(parse(words).applied, Texts{"--max-size=5"}) << words[0];
  }
  EXPECT_EQ(parse({"--max-size="}).applied, Texts{"--max-size="});
  EXPECT_EQ(parse({"--max-size", "-5"}).applied, Texts{"--max-size=-5"});
  EXPECT_EQ(parse({"--name", "--max-size"}).applied, Texts{"--name=--max-size"});
}

TEST(OptionTable, AppliesRepeatedFlagsInOrderAndChecksEach) {
  EXPECT_EQ(parse({"-s", "1", "--max-size", "2"}).applied, (Texts{"--max-size=1", "--max-size=2"}));
  EXPECT_TRUE(has(parse({"-s", "bad", "-s", "2"}).error, {"--max-size:", "'bad'"}));
}

TEST(OptionTable, RefusesABadVariableUnlessAFlagOverridesIt) {
  EXPECT_TRUE(has(parse({}, {"PROG_MAX_SIZE=bad"}).error, {"PROG_MAX_SIZE:", "'bad'"}));
  const auto overridden = parse({"-s", "5"}, {"PROG_MAX_SIZE=bad"});
  EXPECT_EQ(overridden.applied, Texts{"--max-size=5"});
  ASSERT_EQ(overridden.parsed.warnings.size(), 1U);
  EXPECT_TRUE(has(overridden.parsed.warnings[0], {"PROG_MAX_SIZE: invalid value 'bad'", "--max-size"}));
}

TEST(OptionTable, WarnsAboutUnknownVariablesWithThePrefix) {
  const auto outcome =
      parse({}, {"PROG_HELP=1", "PROG_MAX_SIZ=3", "OTHER=1", "PROGRAM=2", "PROG_MAX_SIZE=1"});
  ASSERT_EQ(outcome.parsed.warnings.size(), 2U);
  EXPECT_TRUE(has(outcome.parsed.warnings[0], {"'PROG_HELP'", "give it as a flag: --help"}));
  EXPECT_TRUE(has(outcome.parsed.warnings[1], {"'PROG_MAX_SIZ'", "did you mean PROG_MAX_SIZE?"}));
  EXPECT_EQ(outcome.applied, Texts{"PROG_MAX_SIZE=1"});
}

TEST(OptionTable, PrefersFlagThenVariableThenFileThenDefault) {
  const harness::TextFile file("max-size = 1\nname=from the file\n");
  const auto line = [&file](const char* rest) { return file.path() + " line " + rest; };
  EXPECT_EQ(parse({"--config", file.path()}).applied,
            (Texts{line("1: max-size=1"), line("2: name=from the file")}));
  EXPECT_EQ(parse({}, {"PROG_CONFIG=" + file.path(), "PROG_MAX_SIZE=3"}).applied,
            (Texts{line("2: name=from the file"), "PROG_MAX_SIZE=3"}));
  EXPECT_EQ(parse({"--config=" + file.path(), "-s", "4", "--name", "x"}, {"PROG_MAX_SIZE=3"}).applied,
            (Texts{"--max-size=4", "--name=x"}));
  EXPECT_EQ(parse({"--config", file.path()}, {"PROG_CONFIG=/nowhere"}).applied.size(), 2U);
  EXPECT_EQ(parse({"--name", "x"}, {"PROG_MAX_SIZE=3"}).applied, (Texts{"PROG_MAX_SIZE=3", "--name=x"}));
  EXPECT_EQ(parse({"--loud"}, {"PROG_LOUD=off"}).applied, Texts{"--loud=on"});
}

TEST(OptionTable, ChecksEveryLineOfTheFile) {
  const harness::TextFile file("max-size = bad\n");
  const std::string where = file.path() + " line 1: ";
  EXPECT_TRUE(has(parse({"--config", file.path()}).error, {where + "max-size:", "'bad'"}));
  EXPECT_TRUE(has(parse({"--config", file.path(), "-s", "4"}).error, {where + "max-size:", "'bad'"}));
  EXPECT_TRUE(has(parse({"--config", file.path()}, {"PROG_MAX_SIZE=4"}).error, {where, "'bad'"}));
  file.write("max_size = 3");
  EXPECT_EQ(parse({"--config", file.path()}).status, ExitStatus::config);
  EXPECT_TRUE(has(parse({"--config", file.path()}).error, {where, "'max_size'", "did you mean max-size?"}));
  file.write("length = 3");
  EXPECT_TRUE(has(parse({"--config", file.path()}).error, {where, "'length'", "did you mean max-size?"}));
  for (const char* text : {"help = on", "version = on"}) {
    file.write(text);
    EXPECT_TRUE(contains(parse({"--config", file.path()}).error, "unknown option")) << text;
  }
  file.write("$6$secret = x");
  EXPECT_FALSE(contains(parse({"--config", file.path()}).error, "secret")) << "must not print a wrong file";
  file.write("config = /etc/other");
  EXPECT_TRUE(contains(parse({"--config", file.path()}).error, where));
}

TEST(OptionTable, RefusesAnUnreadableFile) {
  const auto outcome = parse({"--config", "/nowhere/x"});
  EXPECT_TRUE(has(outcome.error, {"'/nowhere/x'", "No such file or directory"}));
  EXPECT_EQ(outcome.status, ExitStatus::no_input);
  EXPECT_TRUE(has(parse({"--config", ""}).error, {"--config:", "''"}));
}

TEST(OptionTable, TestReportsAllErrorsInOrder) {
  const harness::TextFile file("max-size = bad\nmalformed\nunknown = 1\nname = x\nmax-size = bad\n");
  const auto outcome = parse({"--test", "--config", file.path()}, {"PROG_NAME=bad"});
  const std::string where = file.path() + " line ";
  const Texts facts{"PROG_NAME:", where + "1:", where + "2:", where + "3:", where + "5:"};
  ASSERT_EQ(outcome.parsed.errors.size(), facts.size());
  for (std::size_t i = 0; i < facts.size(); ++i) {
    EXPECT_TRUE(contains(outcome.parsed.errors[i].what(), facts[i]));
  }
  EXPECT_EQ(outcome.parsed.errors.front().status(), ExitStatus::usage);
  EXPECT_EQ(outcome.parsed.errors.back().status(), ExitStatus::config);
  EXPECT_EQ(parse({"--test", "--config", "/nowhere/x"}).parsed.errors.size(), 1U);

  file.write([] {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "malformed\n";
    return text;
  }());
  const auto many = parse({"--test", "--config", file.path()});
  EXPECT_EQ(many.parsed.errors.size(), 21U);
  EXPECT_TRUE(contains(many.parsed.errors.back().what(), "too many errors"));
}

TEST(OptionTable, AStartReportsTheFirstErrorAndThatThereAreMore) {
  const harness::TextFile file("max-size = bad\nunknown = 1\n");
  const auto error = parse({"--config", file.path()}).error;
  EXPECT_TRUE(has(error, {"line 1: ", "more errors", "prog --test"})) << error;
  file.write("max-size = bad\n");
  EXPECT_FALSE(contains(parse({"--config", file.path()}).error, "more errors"));
}

TEST(OptionTable, SuggestsNothingThatTheSourceCannotSet) {
  const harness::TextFile file("help-me = on\n");
  EXPECT_FALSE(contains(parse({"--config", file.path()}).error, "did you mean"));
  file.write("conf = x\n");
  EXPECT_FALSE(contains(parse({"--config", file.path()}).error, "did you mean"));
}

TEST(OptionTable, NamesTheSourceOfEachValue) {
  const harness::TextFile file("max-size = 1\nname = x\n");
  const auto sources = parse({"-s", "2", "--config", file.path()}, {"PROG_LOUD=on"}).parsed.sources;
  EXPECT_EQ(sources.at(1), "--max-size");
  EXPECT_EQ(sources.at(3), file.path() + " line 2");
  EXPECT_EQ(sources.at(4), "PROG_LOUD");
  EXPECT_EQ(sources.at(7), "default");
}

TEST(OptionTable, RefusesUnknownOptionsAndSuggestsSimilarOnes) {
  const std::pair<Texts, const char*> suggestions[] = {
      {{"--max-sise", "5"}, "--max-size"}, {{"--nome", "x"}, "--name"},       {{"--lame", "x"}, "--name"},
      {{"--nmae", "x"}, "--name"},         {{"--max", "5"}, "--max-size"},    {{"--max=5"}, "--max-size"},
      {{"--max-siz", "5"}, "--max-size"},  {{"--length", "5"}, "--max-size"}, {{"--vers"}, "--version"}};
  for (const auto& [words, option] : suggestions) {
    const auto typed = words[0].substr(0, words[0].find('='));
    EXPECT_TRUE(has(parse(words).error, {"'" + typed + "'", std::string("did you mean ") + option + "?"}));
  }
  const std::pair<Texts, Texts> refusals[] = {{{"--frobnicate=x"}, {"'--frobnicate'", "prog --help"}},
                                              {{"-x"}, {"'-x'", "prog --help"}},
                                              {{"-lx"}, {"'-x'", "prog --help"}},
                                              {{"--="}, {"'--'", "prog --help"}},
                                              {{"--lane", "x"}, {"'--lane'", "prog --help"}},
                                              {{"--max-size"}, {"needs a value", "--max-size N"}},
                                              {{"-s"}, {"needs a value", "--max-size N"}},
                                              {{"--help=x"}, {"--help", "no value"}},
                                              {{"x"}, {"unexpected argument 'x'"}},
                                              {{"--", "-s"}, {"unexpected argument '-s'"}},
                                              {{""}, {"unexpected argument ''"}},
                                              {{"-"}, {"unexpected argument '-'"}}};
  for (const auto& [words, facts] : refusals) {
    EXPECT_TRUE(has(parse(words).error, facts));
    EXPECT_FALSE(contains(parse(words).error, "did you mean"));
  }
}

TEST(OptionTable, ShowsHelpAndVersionBeforeCheckingValues) {
  EXPECT_EQ(parse({"-s", "bad", "--version"}).parsed.text_to_show.substr(0, 5), "prog ");
  EXPECT_EQ(parse({"--help"}).parsed.text_to_show,
            "Usage: prog [OPTION]...\n"
            "Do something.\n"
            "\n"
            "Sizes:\n"
            "  -s, --max-size N          how much (default 7)\n"
            "\n"
            "Others:\n"
            "      --name TEXT           what it is called\n"
            "  -l, --loud                speak up\n"
            "      --config FILE         more of the same\n"
            "  -t, --test                check\n"
            "  -h, --help                show this\n"
            "  -V, --version             show the version\n"
            "\n"
            "Each option can also be set by an environment variable (PROG_MAX_SIZE=7) or by\n"
            "a line of the --config file (max-size = 7). A flag overrides the variable, the\n"
            "variable overrides the file.\n"
            "\n"
            "Note well.\n"
            "\n"
            "Examples:\n"
            "  prog -s 5\n"
            "\n"
            "See man prog.\n");
  EXPECT_EQ(parse({"-h"}).parsed.text_to_show,
            "Usage: prog [OPTION]...\n"
            "Do something.\n"
            "\n"
            "Sizes: -s, --max-size N\n"
            "Others: --name TEXT; -l, --loud; --config FILE; -t, --test; -h, --help;\n"
            "  -V, --version\n"
            "\n"
            "Examples:\n"
            "  prog -s 5\n"
            "\n"
            "For explanations: prog --help\n");
  EXPECT_TRUE(contains(parse({"-V"}).parsed.text_to_show, "\nFeatures: static\nLicense: MIT\n"));
}

TEST(OptionTable, SwitchesAcceptOnAndOff) {
  EXPECT_EQ(parse({"--loud=on", "--loud=off"}).applied, (Texts{"--loud=on", "--loud=off"}));
}

TEST(OptionTable, AcceptsCombinedSwitches) {
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
      {"size", '\0', "N", "", "", member(&Running::size, number(0, 9)), Effect::now},
      {"limit", '\0', "N", "", "", member(&Running::limit, number(0, 9)), Effect::now,
       [](const Running& running) { return running.idle; }},
      {"pause", '\0', "D", "", "", member(&Running::pause, duration), Effect::next_connection},
      {"loud", '\0', "", "", "", member(&Running::loud, on_or_off)},
      {"help", '\0', "", "", ""}};
  return rows;
}

TEST(Reload, AppliesOptionsThatNeedNoRestart) {
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

TEST(Reload, DoesNotReportOptionsWithoutEffect) {
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
