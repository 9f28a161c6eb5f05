#include "harness/process.hpp"
#include "harness/server_process.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace {

using namespace harness;

// Other programs as clients. PORT stands for the server's port.
struct Tool {
  const char* name;
  const char* program;
  const char* script;
};

void PrintTo(const Tool& tool, std::ostream* out) {
  *out << tool.program;
}

class Interoperation : public ::testing::TestWithParam<Tool> {};

TEST_P(Interoperation, GetsItsBytesBack) {
  const auto& tool = GetParam();
  if (find_command(tool.program).empty()) GTEST_SKIP() << tool.program << " is not installed";
  ServerProcess server;
  const auto result = run({"bash", "-c", "PORT=" + std::to_string(server.port()) + "; " + tool.script});
  EXPECT_EQ(result.output, "hello\n") << result.errors;
}

INSTANTIATE_TEST_SUITE_P(
    Clients, Interoperation,
    ::testing::Values(Tool{"nc", "nc.openbsd", "printf 'hello\\n' | nc.openbsd -N 127.0.0.1 $PORT"},
                      Tool{"socat", "socat", "printf 'hello\\n' | socat - TCP:[::1]:$PORT"},
                      Tool{"ncat", "ncat", "printf 'hello\\n' | ncat 127.0.0.1 $PORT"},
                      Tool{"bash", "bash", "exec 5<>/dev/tcp/127.0.0.1/$PORT; echo hello >&5; head -n 1 <&5"},
                      // curl runs until the server closes, so the script kills it.
                      Tool{"curl", "curl",
                           "coproc curl -sN telnet://127.0.0.1:$PORT; echo hello >&${COPROC[1]}; head -n 1 "
                           "<&${COPROC[0]};kill $COPROC_PID"},
                      Tool{"tcpclient", "bash", "printf 'hello\\n' | " TCPCLIENT_PROGRAM " localhost $PORT"}),
    [](const auto& parameter) { return parameter.param.name; });

}  // namespace
