#pragma once

#include "harness/server_process.hpp"

#include <string>
#include <vector>

namespace harness {

// Returns why strace(1) cannot be used; empty if it can.
[[nodiscard]] inline std::string find_trace_problem() {
  if (find_command("strace").empty()) return "strace is not installed";
  static const bool may_trace = run({"strace", "-qq", "-o", "/dev/null", "true"}).ending == 0;
  return may_trace ? "" : "no right to trace";
}

// Disables the leak sanitizer of a traced server. It is a tracer itself, and a process can have only one.
inline const std::string no_leak_check = "ASAN_OPTIONS=detect_leaks=0";

// Tests that use strace(1) to make system calls of a program fail. Skipped if strace cannot be used.
class Injection : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto problem = find_trace_problem(); !problem.empty()) GTEST_SKIP() << problem;
  }

  // Returns a wrapper for ServerProcess that injects `how`, such as "error=EMFILE:when=1..2", into `calls`,
  // such as "accept4" or "clone,fork". `more` are options of strace: "-f" includes the children of the
  // server.
  [[nodiscard]] std::vector<std::string> failing(const std::string& calls, const std::string& how,
                                                 const std::vector<std::string>& more = {}) const {
    auto options = more;
    options.insert(options.end(), {"-e", "inject=" + calls + ":" + how});
    return tracing(calls, options);
  }

  // Returns a wrapper that logs these calls. With -D the server, not strace, is the child of the test.
  [[nodiscard]] std::vector<std::string> tracing(const std::string& calls,
                                                 const std::vector<std::string>& more = {}) const {
    std::vector<std::string> wrapper{"strace", "-D", "-qq", "-o", log_.path(), "-e", "trace=" + calls};
    wrapper.insert(wrapper.end(), more.begin(), more.end());
    return wrapper;
  }

  // Starts a server with failing calls.
  [[nodiscard]] ServerProcess start(const std::vector<std::string>& options, const std::string& calls,
                                    const std::string& how, const std::vector<std::string>& more = {}) const {
    return ServerProcess(options, without_leak_check(), failing(calls, how, more));
  }

  [[nodiscard]] static SpawnOptions without_leak_check() { return {.environment = {no_leak_check}}; }

  // Returns the number of calls that have failed by injection so far.
  [[nodiscard]] std::size_t injected() const { return occurrences(trace(), "(INJECTED)"); }
  [[nodiscard]] std::string trace() const { return read_text(log_.path()); }
  [[nodiscard]] const std::string& log_path() const { return log_.path(); }

 private:
  const TextFile log_;
};

}  // namespace harness
