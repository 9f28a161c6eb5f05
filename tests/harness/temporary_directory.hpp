#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace harness {

// A new directory. The destructor removes it with its contents.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char path[] = "/tmp/tcpserver_test.XXXXXX";
    if (::mkdtemp(path) == nullptr) throw std::runtime_error("cannot create a temporary directory");
    path_ = path;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A text file in a temporary directory.
class TextFile {
 public:
  explicit TextFile(std::string_view text = "") : path_(directory_.path() + "/file") { write(text); }

  void write(std::string_view text) const { std::ofstream(path_, std::ios::trunc) << text; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const TemporaryDirectory directory_;
  const std::string path_;
};

}  // namespace harness
