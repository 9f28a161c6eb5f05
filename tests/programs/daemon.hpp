#pragma once

#include "harness/server_process.hpp"
#include "harness/temporary_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace harness {

namespace fs = std::filesystem;

// Daemons in a temporary directory. A daemon is not a child of the test: a variable of its environment marks
// it.
class Daemon : public ::testing::Test {
 protected:
  Daemon() { ::chmod(directory.c_str(), 0755); }
  ~Daemon() override {
    for (const pid_t pid : daemons()) ::kill(pid, SIGKILL);
  }

  // Starts a daemon with these options. Returns the output and ending of the starter.
  Finished start(const std::vector<std::string>& options = {}) { return run(command(options), marked()); }
  // The same by a script that gets the command line as $0 and $@.
  Finished start_by_shell(const std::string& script, const std::vector<std::string>& options = {}) {
    auto words = command(options);
    words.insert(words.begin(), {"/bin/sh", "-c", script});
    return run(words, marked());
  }
  std::vector<std::string> command(const std::vector<std::string>& options) const {
    return command_line(command_line({}, {"--daemonize", "--port", "0", "--pid-file", pid_file.string()}),
                        options);
  }
  SpawnOptions marked() const { return {.environment = {mark_}}; }
  std::vector<pid_t> daemons() const { return find_processes(mark_); }
  pid_t pid() const { return std::atoi(read_text(pid_file).c_str()); }
  void stop(int signal = SIGTERM) {
    const pid_t server = pid();
    ASSERT_GT(server, 1);
    ::kill(server, signal);
    EXPECT_TRUE(eventually([&] { return !is_running(server); }));
  }

  const TemporaryDirectory own_directory;
  const fs::path directory = own_directory.path();
  fs::path pid_file = directory / "pid";

 private:
  const std::string mark_ = "DAEMON_TEST=" + directory.string();
};

}  // namespace harness
