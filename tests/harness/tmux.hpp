#pragma once

#include "harness/process.hpp"

#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

namespace harness {

// A shell command in a real terminal, tmux: what its screen shows after all cursor movements, and after its
// window was made larger or smaller. Everything in it ends with the object, at the latest after a minute.
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

  // Why it did not start; empty: it did.
  [[nodiscard]] const std::string& errors() const { return errors_; }

  // The lines of the screen, without the blanks at their ends.
  [[nodiscard]] std::string screen() const { return tmux({"capture-pane", "-p"}).output; }

  // The same, and what has scrolled away.
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
