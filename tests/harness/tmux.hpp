#pragma once

#include "harness/process.hpp"

#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

namespace harness {

// Runs a shell command in a real terminal, tmux, which interprets cursor movements and rewraps lines when its
// window is resized. All its processes end with the object, or after a minute.
class Tmux {
 public:
  Tmux(int columns, int rows, const std::string& shell_command) {
    static std::atomic<int> count = 0;
    name_ = "tcpserver-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    const auto started = tmux({"new-session", "-d", "-x", std::to_string(columns), "-y", std::to_string(rows),
                               shell_command + "; exec sleep 60"});
    errors_ = started.errors;
  }
  ~Tmux() { static_cast<void>(tmux({"kill-server"})); }
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;

  // Returns why tmux did not start; empty if it did.
  [[nodiscard]] const std::string& errors() const { return errors_; }

  // Returns the lines of the screen, without trailing blanks.
  [[nodiscard]] std::string screen() const { return tmux({"capture-pane", "-p"}).output; }

  // Returns the same, including lines that have scrolled off the screen.
  [[nodiscard]] std::string history() const { return tmux({"capture-pane", "-p", "-S", "-"}).output; }

  void resize(int columns, int rows) const {
    static_cast<void>(tmux({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(rows)}));
  }
  void type(const std::string& keys) const { static_cast<void>(tmux({"send-keys", keys})); }

 private:
  [[nodiscard]] Finished tmux(std::vector<std::string> words) const {
    words.insert(words.begin(), {"tmux", "-L", name_, "-f", "/dev/null"});
    return run(words, {.environment = {"LC_ALL=C.UTF-8", "TERM=xterm"}});
  }

  std::string name_;
  std::string errors_;
};

}  // namespace harness
