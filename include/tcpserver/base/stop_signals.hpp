#pragma once

#include <signal.h>

#include <array>

namespace tcpserver::base {

// SIGINT and SIGTERM stop a run early, so that what was seen by then is shown; the caller may then end by the
// signal that was heard. As long as this lives they are blocked but in waits that take mask_outside(), and in
// hear(). One that is ignored, as by a background job of a shell without job control, stays so. At most one
// at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // For ppoll and its kind.
  [[nodiscard]] const sigset_t& mask_outside() const noexcept { return mask_outside_; }

  // Lets in what is pending: a wait that finds something ready at once returns without having done so.
  void hear() const noexcept;

  // SIGINT or SIGTERM; 0: none so far.
  [[nodiscard]] int heard() const noexcept;

 private:
  static constexpr std::array signals{SIGINT, SIGTERM};
  sigset_t mask_outside_{};
  std::array<struct sigaction, 2> before_{};
};

}  // namespace tcpserver::base
