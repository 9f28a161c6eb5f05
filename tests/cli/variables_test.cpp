// Other systems and editors put this into variables, keys and flags.
#include "cli/sample_program.hpp"

namespace {

TEST(Variables, EmptyVariablesCountAsNotSet) {
  const harness::TextFile file("name = x\n");
  const auto outcome = parse({"--config", file.path()}, {"PROG_MAX_SIZE=", "PROG_NAME= \t", "PROG_CONFIG="});
  EXPECT_EQ(outcome.applied, Texts{file.path() + " line 1: name=x"});
  EXPECT_TRUE(outcome.parsed.warnings.empty());
  ASSERT_EQ(outcome.parsed.details.size(), 1U);
  EXPECT_TRUE(has(outcome.parsed.details[0], {"PROG_MAX_SIZE", "PROG_NAME", "PROG_CONFIG"}));
  EXPECT_EQ(parse({}, {"PROG_UNKNOWN="}).parsed.warnings.size(), 1U);
}

TEST(Variables, WarnsAboutAVariableThatIsSetTwice) {
  const auto outcome = parse({}, {"PROG_NAME=a", "PROG_NAME=b"});
  EXPECT_EQ(outcome.applied, Texts{"PROG_NAME=a"});
  ASSERT_EQ(outcome.parsed.warnings.size(), 1U);
  EXPECT_TRUE(has(outcome.parsed.warnings[0], {"PROG_NAME", "twice"}));
  EXPECT_TRUE(parse({}, {"PROG_NAME=a", "PROG_NAME=a"}).parsed.warnings.empty());
}

TEST(Variables, IgnoresVariablesOfAKubernetesService) {
  const Texts services{"PROG_LOG_NAME=/web/prog",
                       "PROG_SERVICE_HOST=192.0.2.9",
                       "PROG_SERVICE_PORT=80",
                       "PROG_SERVICE_PORT_ECHO=80",
                       "PROG_PORT=tcp://192.0.2.9:80",
                       "PROG_PORT_80_TCP=tcp://192.0.2.9:80",
                       "PROG_PORT_80_TCP_PROTO=tcp",
                       "PROG_PORT_53_UDP_PORT=53",
                       "PROG_PORT_7_SCTP_ADDR=fd00::1",
                       "PROG_MAX_SIZE_PORT=udp://[fd00::1]:53",
                       "PROG_LOG_SERVICE_HOST=192.0.2.9",
                       "PROG_LOG_PORT_80_TCP_ADDR=192.0.2.9",
                       "PROG_ENV_PATH=/bin"};
  const auto outcome = parse({}, services);
  EXPECT_TRUE(outcome.applied.empty());
  ASSERT_EQ(outcome.parsed.warnings.size(), 1U);
  EXPECT_TRUE(has(outcome.parsed.warnings[0], {"Kubernetes", "enableServiceLinks: false", "12 more"}));
  for (const char* variable :
       {"PROG_PORT=tcp://", "PROG_PORT=tcp", "PROG_PORT=http://192.0.2.9:80", "PROG_PORT=tcp://192.0.2.9",
        "PROG_PORT=tcp://:80", "PROG_PORT=tcp://192.0.2.9:0", "PROG_PORT_X_TCP=1", "PROG_LOG_PORT=80"}) {
    const auto other = parse({}, {variable});
    ASSERT_EQ(other.parsed.warnings.size(), 1U) << variable;
    EXPECT_FALSE(contains(other.parsed.warnings[0], "Kubernetes"));
  }
}

TEST(Variables, RefusesCommentsInVariables) {
  EXPECT_TRUE(
      has(parse({}, {"PROG_NAME=/tmp/m # here"}).error, {"PROG_NAME:", "has a comment"}));
  EXPECT_TRUE(contains(parse({}, {"PROG_CONFIG=/nowhere ; here"}).error, "has a comment"));
  EXPECT_EQ(parse({"--name", "a # b"}).applied, Texts{"--name=a # b"});
}

TEST(OptionTable, RefusesAKeyTwiceInOneFile) {
  const harness::TextFile file("max-size = 1\n\nname = x\nmax-size = 1\n");
  const auto outcome = parse({"--config", file.path()});
  EXPECT_EQ(outcome.status, ExitStatus::config);
  EXPECT_TRUE(has(outcome.error, {"line 4: max-size", "line 1"}));
}

TEST(OptionTable, NamesUnusualCharacters) {
  const std::pair<Texts, const char*> words[] = {{{"\u2013\u2013name", "x"}, "an en dash"},
                                                 {{"--name\u00a0x"}, "no-break space"},
                                                 {{"-\u2014name"}, "an em dash"},
                                                 {{"--n\u00e4me"}, "outside ASCII"}};
  for (const auto& [typed, fact] : words) EXPECT_TRUE(contains(parse(typed).error, fact)) << typed[0];
  EXPECT_TRUE(contains(parse({"\u2013name"}).error, "begins with - or --"));
  const harness::TextFile file;
  for (const auto& [line, fact] :
       {std::pair("\u200bname = x", "a zero-width space"), std::pair("na\u00adme = x", "a soft hyphen"),
        std::pair("n\xe4me = x", "not UTF-8"), std::pair("max\u2013size = x", "an en dash")}) {
    file.write(line);
    EXPECT_TRUE(has(parse({"--config", file.path()}).error, {fact, "did you mean"})) << line;
  }
}

TEST(OptionTable, SuggestsTheOptionForOtherSpellings) {
  const harness::TextFile file;
  for (const char* key : {"max_size", "Max-Size", "MAX_SIZE", "--max-size", "PROG_MAX_SIZE",
                          "export PROG_MAX_SIZE", "\"max-size\"", "max-size:", "max-size :", "-s"}) {
    file.write(std::string(key) + " = 5");
    EXPECT_TRUE(contains(parse({"--config", file.path()}).error, "did you mean max-size?")) << key;
  }
  EXPECT_TRUE(contains(parse({"--MAX_SIZE", "5"}).error, "did you mean --max-size?"));
}

}  // namespace
