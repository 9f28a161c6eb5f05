#pragma once

#include <signal.h>

#include <array>

namespace tcpserver::base {

// SIGINT and SIGTERM stop a run early, and the program shows what it has seen so far. While this object
// exists, both signals are blocked, except in hear() and in waits that use mask_outside(). An ignored signal
// stays ignored, such as SIGINT in a background job of a shell without job control. At most one object at a
// time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // The mask for ppoll.
  [[nodiscard]] const sigset_t& mask_outside() const noexcept { return mask_outside_; }

  // Delivers pending signals. A wait that finds something ready at once does not.
  void hear() const noexcept;

  // SIGINT or SIGTERM; 0 if none so far.
  [[nodiscard]] int heard() const noexcept;

 private:
  static constexpr std::array signals{SIGINT, SIGTERM};
  sigset_t mask_outside_{};
  std::array<struct sigaction, 2> before_{};
};

}  // namespace tcpserver::base
