#pragma once

#include "harness/proc.hpp"
#include "harness/process.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace harness {

namespace fs = std::filesystem;

inline std::string contents_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

inline bool is_running(pid_t pid) {
  const auto state = status_of(pid, "State");
  return !state.empty() && !state.starts_with("Z");
}

inline std::uint16_t announced_port(const std::string& output) {
  const std::string announcement = "Server is listening on port ";
  if (!output.starts_with(announcement)) return 0;
  return static_cast<std::uint16_t>(std::atoi(output.c_str() + announcement.size()));
}

// Daemons in a folder of their own. A daemon is nobody's child: it is known by a variable of its environment,
// and ended by that.
class Daemon : public ::testing::Test {
 protected:
  Daemon() {
    char folder_name[] = "/tmp/tcpserver_test.XXXXXX";
    if (::mkdtemp(folder_name) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    folder = folder_name;
    ::chmod(folder_name, 0755);
    pid_file = folder / "pid";
    mark_ = "DAEMON_TEST=" + folder.string();
  }
  ~Daemon() override {
    for (const pid_t pid : daemons()) ::kill(pid, SIGKILL);
    fs::remove_all(folder);
  }

  // What a starter says and how it ends. `options` beside --daemonize, --port 0 and the pid file.
  Finished start(std::vector<std::string> options = {}) { return run(command(std::move(options)), marked()); }
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

  fs::path folder;
  fs::path pid_file;

 private:
  std::string mark_;
};

}  // namespace harness
