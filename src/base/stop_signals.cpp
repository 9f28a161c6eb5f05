#include "tcpserver/base/stop_signals.hpp"

#include "tcpserver/base/signals.hpp"

#include <poll.h>

namespace tcpserver::base {

namespace {

volatile sig_atomic_t stop_signal = 0;

void on_stop(int signal) {
  stop_signal = signal;
}

}  // namespace

StopSignals::StopSignals() {
  stop_signal = 0;
  const sigset_t both = signal_set({SIGINT, SIGTERM});
  ::sigprocmask(SIG_BLOCK, &both, &original_mask_);
  for (std::size_t i = 0; i < signals.size(); ++i) {
    ::sigaction(signals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) set_disposition(signals[i], on_stop, both);
  }
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &before_[i], nullptr);
  ::sigprocmask(SIG_SETMASK, &original_mask_, nullptr);
}

void StopSignals::deliver_pending() const noexcept {
  const timespec no_timeout{};
  ::ppoll(nullptr, 0, &no_timeout, &original_mask_);
}

int StopSignals::received() const noexcept {
  return stop_signal;
}

}  // namespace tcpserver::base
