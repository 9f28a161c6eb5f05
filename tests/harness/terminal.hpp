#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include "harness/process.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

// A program on a pseudo-terminal, with the test as the user.
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
  // Closes the window: its programs get SIGHUP.
  void hang_up() { master_.reset(); }

  // Reads until `text` has been shown. False if the terminal is closed before.
  bool shows(const std::string& text);
  // Reads until the end of the program.
  void read_all();

  // All bytes that were shown so far, with the control sequences.
  [[nodiscard]] const std::string& shown() const { return shown_; }

 private:
  bool read_part();

  tcpserver::base::UniqueFd master_;
  std::optional<Process> process_;
  std::string shown_;
};

}  // namespace harness
