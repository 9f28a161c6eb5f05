#pragma once

#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/temporary_folder.hpp"
#include "harness/text.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace harness {

namespace fs = std::filesystem;

inline bool is_running(pid_t pid) {
  const auto state = status_of(pid, "State");
  return !state.empty() && !state.starts_with("Z");
}

// Daemons in a folder of their own. A daemon is nobody's child: it is known by a variable of its environment,
// and ended by that.
class Daemon : public ::testing::Test {
 protected:
  Daemon() { ::chmod(folder.c_str(), 0755); }
  ~Daemon() override {
    for (const pid_t pid : daemons()) ::kill(pid, SIGKILL);
  }

  // What a starter says and how it ends. `options` beside --daemonize, --port 0 and the pid file.
  Finished start(std::vector<std::string> options = {}) { return run(command(std::move(options)), marked()); }
  // The same, by a script that gets the command line as $0 and $@.
  Finished start_by_shell(const std::string& script, std::vector<std::string> options = {}) {
    std::vector<std::string> words{"/bin/sh", "-c", script};
    for (const auto& word : command(std::move(options))) words.push_back(word);
    return run(words, marked());
  }
  std::vector<std::string> command(std::vector<std::string> options) const {
    options.insert(options.begin(),
                   {TCPSERVER_PROGRAM, "--daemonize", "--port", "0", "--pid-file", pid_file.string()});
    return options;
  }
  SpawnOptions marked() const { return {.environment = {mark_}}; }
  std::vector<pid_t> daemons() const { return processes_with(mark_); }
  pid_t pid() const { return std::atoi(contents_of(pid_file).c_str()); }
  void stop() {
    const pid_t server = pid();
    ASSERT_GT(server, 1);
    ::kill(server, SIGTERM);
    EXPECT_TRUE(eventually([&] { return !is_running(server); }));
  }

  const TemporaryFolder own_folder;
  const fs::path folder = own_folder.path();
  fs::path pid_file = folder / "pid";

 private:
  const std::string mark_ = "DAEMON_TEST=" + folder.string();
};

}  // namespace harness
