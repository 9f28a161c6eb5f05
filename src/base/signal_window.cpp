#include "tcpserver/base/signal_window.hpp"

#include "tcpserver/base/signals.hpp"

#include <sys/select.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

namespace tcpserver::base {

namespace {

constexpr Duration pause_after_failure = std::chrono::milliseconds(100);

// The handlers use only these variables.
volatile sig_atomic_t stop_request_count = 0;
volatile sig_atomic_t status_requested = 0;
volatile sig_atomic_t reload_requested = 0;
ChildCollector* collector = nullptr;
// This need not be sig_atomic_t, because the handler runs only inside wait().
SignalWindow::Reaped reaped_so_far;

void collect_children() noexcept {
  reaped_so_far.children += collector->collect();
}

void on_child(int) {
  const int interrupted_errno = errno;
  ++reaped_so_far.signals;
  collect_children();
  errno = interrupted_errno;
}
void on_stop(int) {
  stop_request_count = stop_request_count + 1;
}
void on_hangup(int) {
  if (stop_request_count == 0) stop_request_count = 1;
}
void on_status(int) {
  status_requested = 1;
}
void on_reload(int) {
  reload_requested = 1;
}

sigset_t window_signals() noexcept {
  return signal_set({SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1});
}

int wait_in_window(std::span<pollfd> descriptors, std::optional<Duration> timeout) noexcept {
  static const sigset_t open_window = signal_set({});
  const timespec limit = to_timespec(timeout.value_or(Duration::zero()));
  const int ready = ::ppoll(descriptors.data(), descriptors.size(), timeout ? &limit : nullptr, &open_window);
  if (ready < 0 && errno != EINTR) {
    const int error = errno;
    const timespec pause = to_timespec(std::min(timeout.value_or(pause_after_failure), pause_after_failure));
    ::pselect(0, nullptr, nullptr, nullptr, &pause, &open_window);
    errno = error;
  }
  return ready;
}

bool take(volatile sig_atomic_t& flag) noexcept {
  // The handler runs only inside wait(), so no signal is lost between these two lines.
  const bool was_set = flag != 0;
  flag = 0;
  return was_set;
}

class UnrecordedCollector final : public ChildCollector {
 public:
  std::uint64_t collect() noexcept override {
    std::uint64_t count = 0;
    while (::waitpid(-1, nullptr, WNOHANG) > 0) ++count;
    return count;
  }
};

}  // namespace

ChildCollector& unrecorded_collector() noexcept {
  static UnrecordedCollector unrecorded;
  return unrecorded;
}

SignalWindow::SignalWindow() noexcept {
  const sigset_t signals = window_signals();
  set_signal_mask(signals);
  set_disposition(SIGCHLD, SIG_DFL);
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGTTOU}) set_disposition(signal, SIG_IGN);
  set_disposition(SIGTERM, on_stop, signals);
  set_disposition(SIGINT, on_stop, signals);
  set_disposition(SIGUSR1, on_status, signals);
  set_disposition(SIGHUP, on_reload, signals);
}

void SignalWindow::stop_on_hangup() noexcept {
  set_disposition(SIGHUP, on_hangup, window_signals());
}

void SignalWindow::start_reaping(ChildCollector& new_collector) noexcept {
  collector = &new_collector;
  // SIG_DFL discards a pending SIGCHLD (POSIX, Signal Actions). Otherwise a child that ended during start-up
  // would count as a signal. It is collected below.
  set_disposition(SIGCHLD, SIG_DFL);
  set_disposition(SIGCHLD, on_child, window_signals());
  collect_children();  // the handler cannot interrupt, because the window is closed
}

int SignalWindow::wait(std::span<pollfd> descriptors, std::optional<Duration> timeout) noexcept {
  const auto collector_due = time_left(collector != nullptr ? collector->due() : std::nullopt);
  const bool collector_first = collector_due && (!timeout || *collector_due <= *timeout);
  const int ready = wait_in_window(descriptors, collector_first ? collector_due : timeout);
  if (ready == 0 && collector_first) collect_children();  // the window is closed again
  return ready;
}

void SignalWindow::deliver_pending_signals() noexcept {
  static_cast<void>(wait({}, Duration::zero()));
}

SignalWindow::Reaped SignalWindow::reaped() const noexcept {
  return reaped_so_far;
}
int SignalWindow::stop_requests() const noexcept {
  return stop_request_count;
}
bool SignalWindow::take_status_request() noexcept {
  return take(status_requested);
}
bool SignalWindow::take_reload_request() noexcept {
  return take(reload_requested);
}

}  // namespace tcpserver::base
