#pragma once

#include "harness/process.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace harness {

// Tests that have system calls of a program fail, by strace(1), and are skipped where that cannot be.
class Injection : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_command("strace").empty()) GTEST_SKIP() << "strace is not installed";
    static const bool may_trace = run({"strace", "-qq", "-o", "/dev/null", "true"}).ending == 0;
    if (!may_trace) GTEST_SKIP() << "strace may trace nobody here";
  }

  // A wrapper for ServerProcess: runs it so that `calls` (as "accept4" or "clone,fork") end as strace's `how`
  // says, such as "error=EMFILE:when=1..2". `more` are further options of strace; without "-f" only the
  // server itself is meant, and not its children. -D: the tracer is the grandchild, the server is the process
  // that the test has started.
  [[nodiscard]] std::vector<std::string> failing(const std::string& calls, const std::string& how,
                                                 const std::vector<std::string>& more = {}) const {
    std::vector<std::string> wrapper{"strace", "-D", "-qq", "-o", log_.path()};
    wrapper.insert(wrapper.end(), more.begin(), more.end());
    wrapper.insert(wrapper.end(), {"-e", "trace=" + calls, "-e", "inject=" + calls + ":" + how});
    return wrapper;
  }

  // For the same ServerProcess: the sanitizer's search for leaks at the end is a tracer, too, and there can
  // be but one.
  [[nodiscard]] static SpawnOptions no_search_for_leaks() {
    return {.environment = {"ASAN_OPTIONS=detect_leaks=0"}};
  }

  // How many calls were made to fail so far.
  [[nodiscard]] std::size_t injected() const { return occurrences(contents_of(log_.path()), "(INJECTED)"); }
  [[nodiscard]] const std::string& log_path() const { return log_.path(); }

 private:
  const TextFile log_;
};

}  // namespace harness
