#include "tcpserver/server/signal_window.hpp"

#include "tcpserver/posix/signals.hpp"
#include "tcpserver/posix/window_poll.hpp"
#include "tcpserver/server/reaper.hpp"

#include <sys/select.h>

#include <algorithm>
#include <cerrno>

namespace tcpserver::server {

namespace {

constexpr posix::Duration rest_after_failure = std::chrono::milliseconds(100);

// For a wait with no time-out: nobody minds being woken after it.
constexpr posix::Duration for_ever = std::chrono::hours(24 * 365);

// All that the handlers reach.
volatile sig_atomic_t stop_request_count = 0;
volatile sig_atomic_t status_requested = 0;
volatile sig_atomic_t reload_requested = 0;
Reaper* reaper = nullptr;
// Wider than sig_atomic_t, which may be read half changed: not here, where handlers run in wait() alone.
SignalWindow::Reaped reaped_so_far;

void reap_ended_children() noexcept {
  const auto note_nowhere = [](void*, pid_t, int) {};
  reaped_so_far.children += reaper != nullptr ? reaper->reap() : reap_all(note_nowhere, nullptr);
}

void on_child(int) {
  const int interrupted_errno = errno;
  ++reaped_so_far.signals;
  reap_ended_children();
  errno = interrupted_errno;
}

// How many of the stop_request_count the last wait has ended for.
int answered_stop_requests = 0;

void on_stop(int) {
  stop_request_count = stop_request_count + 1;
  posix::end_window_poll();
}
void on_status(int) {
  status_requested = 1;
}
void on_reload(int) {
  reload_requested = 1;
}

sigset_t handled_signals() noexcept {
  return posix::signal_set({SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1});
}

// Those that are blocked outside of wait().
sigset_t window_signals() noexcept {
  auto signals = handled_signals();
  if (posix::window_poll_can_be_ended) sigdelset(&signals, SIGTERM);
  return signals;
}

bool has_new_stop_request() noexcept {
  return stop_request_count != answered_stop_requests;
}

int wait_in_window(std::span<pollfd> descriptors, std::optional<posix::Duration> timeout) noexcept {
  static const sigset_t open_window = posix::signal_set({});
  const auto limit = timeout.value_or(for_ever);
  const int ready = posix::window_poll(descriptors, limit, open_window, has_new_stop_request);
  if (ready < 0 && errno != EINTR) {
    const int error = errno;
    const timespec rest = posix::to_timespec(std::min(limit, rest_after_failure));
    ::pselect(0, nullptr, nullptr, nullptr, &rest, &open_window);
    errno = error;
    return ready;
  }
  const int stop_requests = stop_request_count;
  const bool stopped = stop_requests != answered_stop_requests;
  answered_stop_requests = stop_requests;
  if (ready != 0 || !stopped) return ready;
  errno = EINTR;
  return -1;
}

bool take(volatile sig_atomic_t& flag) noexcept {
  // Its handler runs in wait() alone, so nothing comes between the two lines.
  const bool was_set = flag != 0;
  flag = 0;
  return was_set;
}

}  // namespace

SignalWindow::SignalWindow() noexcept {
  const sigset_t signals = handled_signals();
  posix::set_signal_mask(window_signals());
  posix::set_disposition(SIGCHLD, SIG_DFL);
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGTTOU}) posix::set_disposition(signal, SIG_IGN);
  posix::set_disposition(SIGTERM, on_stop, signals);
  posix::set_disposition(SIGINT, on_stop, signals);
  posix::set_disposition(SIGUSR1, on_status, signals);
  posix::set_disposition(SIGHUP, on_reload, signals);
}

void SignalWindow::start_reaping(Reaper* whose) noexcept {
  reaper = whose;
  // The default, set once more, discards a SIGCHLD that is pending (POSIX, Signal Actions): those who ended
  // before are reaped below, and a child of the start-up would count as a signal without one.
  posix::set_disposition(SIGCHLD, SIG_DFL);
  posix::set_disposition(SIGCHLD, on_child, handled_signals());
  reap_ended_children();  // the mask is closed, so the handler cannot come between
}

int SignalWindow::wait(std::span<pollfd> descriptors, std::optional<posix::Duration> timeout) noexcept {
  const auto reaper_due = posix::time_left(reaper != nullptr ? reaper->due() : std::nullopt);
  const bool reaper_first = reaper_due && (!timeout || *reaper_due <= *timeout);
  const int ready = wait_in_window(descriptors, reaper_first ? reaper_due : timeout);
  if (ready == 0 && reaper_first)
    reap_ended_children();  // the mask is closed again: no handler comes between
  return ready;
}

void SignalWindow::let_signals_in() noexcept {
  static_cast<void>(wait({}, posix::Duration::zero()));
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

SignalWindow::SigtermHeld::SigtermHeld() noexcept {
  posix::set_signal_mask(handled_signals());
}
SignalWindow::SigtermHeld::~SigtermHeld() {
  posix::set_signal_mask(window_signals());
}

void SignalWindow::reset_for_child() noexcept {
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1})
    posix::set_disposition(signal, SIG_DFL);
  auto signals = window_signals();
  sigdelset(&signals, SIGTERM);
  posix::set_signal_mask(signals);
}

}  // namespace tcpserver::server
