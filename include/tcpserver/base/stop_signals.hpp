#pragma once

#include <signal.h>

#include <array>

namespace tcpserver::base {

// Lets SIGINT and SIGTERM stop a run early, so that the program can still report its results. While this
// object exists, both signals are blocked, except in deliver_pending() and in waits that use original_mask().
// Signals that were ignored stay ignored, such as SIGINT in a background job of a shell without job control.
// One object per process.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Returns the mask for ppoll.
  [[nodiscard]] const sigset_t& original_mask() const noexcept { return original_mask_; }

  // Delivers pending signals. Needed because ppoll does not if a descriptor is ready at once.
  void deliver_pending() const noexcept;

  // Returns SIGINT or SIGTERM, 0 if none was received yet.
  [[nodiscard]] int received() const noexcept;

 private:
  static constexpr std::array signals{SIGINT, SIGTERM};
  sigset_t original_mask_{};
  std::array<struct sigaction, 2> before_{};
};

}  // namespace tcpserver::base
