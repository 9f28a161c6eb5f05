#pragma once

#include "harness/temporary_folder.hpp"

#include <fstream>
#include <string>
#include <string_view>

namespace harness {

// A text file in a temporary folder.
class TextFile {
 public:
  explicit TextFile(std::string_view text = "") : path_(folder_.path() + "/file") { write(text); }

  void write(std::string_view text) const { std::ofstream(path_, std::ios::trunc) << text; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const TemporaryFolder folder_;
  const std::string path_;
};

}  // namespace harness
