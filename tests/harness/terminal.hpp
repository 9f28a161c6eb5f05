#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include "harness/process.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

// A program on a pseudo-terminal. The test is its user.
class Terminal {
 public:
  struct Size {
    unsigned short columns;
    unsigned short rows;
  };

  explicit Terminal(const std::vector<std::string>& command, Size size = {80, 24},
                    const std::vector<std::string>& environment = {"TERM=xterm"});

  [[nodiscard]] Process& process() { return *process_; }
  void type(std::string_view text) const;
  void resize(Size size) const;
  // Closes the terminal, so that its programs get SIGHUP.
  void hang_up() { master_.reset(); }

  // Reads until the program has shown `text`. Returns false if the terminal is closed before.
  bool shows(const std::string& text);
  // Reads until the program ends.
  void read_all();

  // Returns all bytes shown so far, including control sequences.
  [[nodiscard]] const std::string& shown() const { return shown_; }

 private:
  bool read_part();

  tcpserver::base::UniqueFd master_;
  std::optional<Process> process_;
  std::string shown_;
};

}  // namespace harness
