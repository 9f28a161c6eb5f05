// Variables and files that other systems and editors write.
#include "harness/server_process.hpp"

#include <filesystem>

namespace {

using namespace harness;

// A Service named tcpserver, and one named tcpserver-log, as in a pod with service links.
const std::vector<std::string> service_links{"TCPSERVER_PORT=tcp://192.0.2.9:54321",
                                             "TCPSERVER_PORT_54321_TCP=tcp://192.0.2.9:54321",
                                             "TCPSERVER_PORT_54321_TCP_PROTO=tcp",
                                             "TCPSERVER_PORT_54321_TCP_PORT=54321",
                                             "TCPSERVER_PORT_54321_TCP_ADDR=192.0.2.9",
                                             "TCPSERVER_SERVICE_HOST=192.0.2.9",
                                             "TCPSERVER_SERVICE_PORT=54321",
                                             "TCPSERVER_SERVICE_PORT_ECHO=54321",
                                             "TCPSERVER_LOG_SERVICE_HOST=192.0.2.10",
                                             "TCPSERVER_LOG_PORT=udp://192.0.2.10:514"};

Finished test_options(const std::vector<std::string>& options,
                      const std::vector<std::string>& variables = {}) {
  std::vector<std::string> all{"--test"};
  all.insert(all.end(), options.begin(), options.end());
  return run(command_line({}, all), {.environment = variables});
}

TEST(Kubernetes, VariablesOfAServiceAreIgnoredWithOneLine) {
  ServerProcess server({}, {.environment = service_links});
  EXPECT_TRUE(serves(server));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(occurrences(server.log(), "Kubernetes"), 1U);
  EXPECT_EQ(occurrences(server.log(), "variable"), 1U) << server.log();
}

TEST(Kubernetes, VariablesOfAServiceAreIgnoredByStatusAndTest) {
  ServerProcess server;
  const auto port = std::to_string(server.port());
  const auto status = run(command_line({}, {"--status", "--port", port}), {.environment = service_links});
  EXPECT_EQ(status.ending, 0) << status.errors;
  EXPECT_EQ(split_lines(status.errors).size(), 1U) << status.errors;
  EXPECT_TRUE(contains(status.errors, "Kubernetes"));
  const auto test = test_options({}, service_links);
  EXPECT_EQ(test.ending, 0) << test.errors;
  EXPECT_TRUE(contains(test.output, "port = 54321  (default)"));
  EXPECT_TRUE(contains(test.errors, "enableServiceLinks: false"));
  const TextFile file("port = 7300\n");
  EXPECT_TRUE(contains(test_options({"--config", file.path()}, service_links).output, "port = 7300"));
  EXPECT_TRUE(fails(test_options({}, {"TCPSERVER_PORT=http://192.0.2.9:80"}), 64, "TCPSERVER_PORT:"));
}

TEST(Variables, EmptyOnesCountAsNotSet) {
  const std::vector<std::string> empty{"TCPSERVER_BACKLOG=", "TCPSERVER_CONFIG=", "TCPSERVER_METRICS_FILE="};
  ServerProcess verbose({"-v"}, {.environment = empty});
  EXPECT_EQ(verbose.stop(), 0);
  EXPECT_TRUE(contains(verbose.log(), "TCPSERVER_BACKLOG, TCPSERVER_CONFIG, TCPSERVER_METRICS_FILE"));
  ServerProcess normal({}, {.environment = empty});
  EXPECT_EQ(normal.stop(), 0);
  EXPECT_FALSE(contains(normal.log(), "TCPSERVER_BACKLOG"));
}

// docker --env-file keeps quotes, comments and carriage returns.
TEST(Variables, QuotesAndCommentsNeverBecomePartOfAFileName) {
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/m";
  for (const std::string name : {"METRICS_FILE", "PID_FILE", "RECORD", "CONFIG"}) {
    for (const auto& [value, fact] :
         {std::pair('"' + path + '"', "quotes"), std::pair("'" + path + "'", "quotes"),
          std::pair(path + " # here", "comment"), std::pair(path + "\t; here", "comment"),
          std::pair(path + "\r", "carriage return"), std::pair(path + " ", "blank")}) {
      const auto variable = "TCPSERVER_" + name;
      EXPECT_TRUE(fails(run(command_line({}, {"--port", "0"}), {.environment = {variable + "=" + value}}), 64,
                        variable + ": "));
      EXPECT_TRUE(fails(test_options({}, {variable + "=" + value}), 64, fact));
    }
  }
  EXPECT_TRUE(fails(test_options({}, {"TCPSERVER_PORT=\"7300\""}), 64, "quotes are part of the value"));
  EXPECT_TRUE(fails(test_options({}, {"TCPSERVER_USER='nobody'"}), 64, "quotes are part of the value"));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(ConfigurationFile, CommentsAndQuotesDoNotBecomePartOfAFileName) {
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/m.prom";
  const TextFile file(
      "backlog = 128   # was 64\n; comment\nidle-timeout = '90s' ; test\n"
      "bind = 127.0.0.1, ::1\nmetrics-file = " +
      path + " ; here\n");
  const auto test = test_options({"--config", file.path()});
  EXPECT_EQ(test.ending, 0) << test.errors;
  EXPECT_TRUE(contains(test.output, "metrics-file = " + path + "  ("));
  file.write("metrics-file = " + path + " ; here\n");
  ServerProcess server({"--config", file.path()});
  EXPECT_EQ(server.stop(), 0);
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    EXPECT_EQ(entry.path(), path);
  }
  for (const std::string& line : std::vector<std::string>{
           "metrics-file = \"" + path, "metrics-file = " + path + ";", "metrics-file = " + path + " // here",
           "metrics-file = \u201c" + path + "\u201d"}) {
    file.write(line);
    EXPECT_TRUE(fails(test_options({"--config", file.path()}), 78, "line 1: ")) << line;
  }
}

TEST(ConfigurationFile, RefusesAKeyTwice) {
  const TextFile file("port = 7300\nbacklog = 5\nport = 7300\n");
  const auto result = test_options({"--config", file.path()});
  EXPECT_TRUE(fails(result, 78, "line 3: port"));
  EXPECT_TRUE(contains(result.errors, "line 1"));
}

TEST(ConfigurationFile, MayComeFromAnyEditor) {
  const TextFile file;
  for (const std::string text : {"\xef\xbb\xbfport = 7300\r\nbacklog = 5\r\n", "port = 7300\rbacklog = 5\r",
                                 "port = 7300 # caf\xe9\nbacklog = 5\n\x1a"}) {
    file.write(text);
    const auto test = test_options({"--config", file.path()});
    EXPECT_EQ(test.ending, 0) << test.errors;
    EXPECT_TRUE(contains(test.output, "port = 7300  (" + file.path() + " line 1)"));
    EXPECT_TRUE(contains(test.output, "backlog = 5  (" + file.path() + " line 2)"));
  }
  const std::pair<std::string, const char*> named[] = {{std::string("\xff\xfep\0o\0r\0t\0", 10), "UTF-16"},
                                                       {"port =\u00a07300", "no-break space"},
                                                       {"port = 7300\xa0", "no-break space"},
                                                       {"\u200bport = 7300", "zero-width space"},
                                                       {"port = \u201c7300\u201d", "typographic quote"},
                                                       {"max\u2013connections = 5", "en dash"},
                                                       {"port = \uff17\uff13", "full-width digit"},
                                                       {std::string("port = 7\0", 9), "NUL byte"},
                                                       {"p\xf6rt = 7300", "not UTF-8"},
                                                       {"metrics-file = /tmp/a\u00a0b", "no-break space"}};
  for (const auto& [text, name] : named) {
    file.write(text);
    EXPECT_TRUE(fails(test_options({"--config", file.path()}), 78, name));
  }
}

TEST(Flags, PastedFromAWebPageAreExplained) {
  const std::pair<std::vector<std::string>, const char*> samples[] = {
      {{"\u2013port", "7300"}, "an en dash"},    {{"\u2212\u2212port"}, "a minus sign"},
      {{"--port", "\u201c7300\u201d"}, "quote"}, {{"--port\u00a07300"}, "no-break space"},
      {{"--record", "'/tmp'"}, "quotes"},        {{"--record", "/tmp "}, "blanks"}};
  for (const auto& [options, name] : samples) EXPECT_TRUE(fails(test_options(options), 64, name));
}

}  // namespace
