#pragma once

#include "harness/process.hpp"

#include <memory>
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
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] Process& process() { return *process_; }
  void type(std::string_view text) const;
  void resize(Size size) const;
  // Closes the window: whoever runs in it gets SIGHUP.
  void hang_up();

  // Reads until `text` has been shown, or the terminal is closed: false.
  bool shows(const std::string& text) { return shows_behind(0, text); }
  // The same, where only what came after the first `from` bytes counts.
  bool shows_behind(std::size_t from, const std::string& text);
  // Reads to the program's end.
  void read_all();

  // All bytes that were shown so far, those that move the cursor included.
  [[nodiscard]] const std::string& shown() const { return shown_; }

 private:
  bool read_part();

  int master_;
  std::unique_ptr<Process> process_;
  std::string shown_;
};

}  // namespace harness
