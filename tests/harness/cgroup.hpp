#pragma once

#include "harness/process.hpp"
#include "harness/text.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace harness {

// A cgroup of a test, with one controller: "memory" or "pids". The destructor removes it when its processes
// have ended.
class OwnCgroup {
 public:
  explicit OwnCgroup(const std::string& controller) {
    const std::filesystem::path mount = "/sys/fs/cgroup";
    version_1_ = std::filesystem::exists(mount / controller / "cgroup.procs");
    const auto parent = version_1_ ? mount / controller : mount;
    if (!version_1_) write_to(parent / "cgroup.subtree_control", "+" + controller);
    const auto path = parent / ("tcpserver_test." + std::to_string(::getpid()));
    if (::mkdir(path.c_str(), 0755) == 0) path_ = path;
  }
  ~OwnCgroup() {
    if (!path_.empty()) static_cast<void>(eventually([&] { return ::rmdir(path_.c_str()) == 0; }));
  }
  OwnCgroup(const OwnCgroup&) = delete;
  OwnCgroup& operator=(const OwnCgroup&) = delete;

  [[nodiscard]] bool is_version_1() const { return version_1_; }
  // Returns the name in /proc/PID/cgroup.
  [[nodiscard]] std::string name() const { return "/" + path_.filename().string(); }
  [[nodiscard]] bool set(const std::string& file, const std::string& text) const {
    return !path_.empty() && write_to(path_ / file, text);
  }
  [[nodiscard]] std::string get(const std::string& file) const { return read_text(path_ / file); }

  // A wrapper for ServerProcess: the server starts in this cgroup.
  [[nodiscard]] std::vector<std::string> wrapper() const {
    return {"sh", "-c", "echo $$ >" + (path_ / "cgroup.procs").string() + " && exec \"$@\"", "sh"};
  }

  // Moves this process there.
  [[nodiscard]] bool join() const { return set("cgroup.procs", "0"); }

 private:
  static bool write_to(const std::filesystem::path& file, const std::string& text) {
    std::ofstream stream(file);
    stream << text << std::flush;
    return stream.good();
  }

  std::filesystem::path path_;
  bool version_1_ = false;
};

}  // namespace harness
