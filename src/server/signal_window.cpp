#include "tcpserver/server/signal_window.hpp"

#include "tcpserver/posix/signals.hpp"
#include "tcpserver/server/child_table.hpp"

#include <sys/select.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

namespace tcpserver::server {

namespace {

constexpr posix::Duration rest_after_failure = std::chrono::milliseconds(100);

// All that the handlers reach.
volatile sig_atomic_t stop_request_count = 0;
volatile sig_atomic_t status_requested = 0;
volatile sig_atomic_t reload_requested = 0;
ChildTable* children_to_reap = nullptr;
// Wider than sig_atomic_t, which may be read half changed: not here, where handlers run in wait() alone.
SignalWindow::Reaped reaped_so_far;

// Signals merge: while SIGCHLD is pending, further ends of children add nothing to it. So one signal may
// stand for any number of children, and each is waited for until none is left (signal(7); UNP vol. 1, 5.10).
void reap_ended_children() noexcept {
  int status = 0;
  for (;;) {
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return;  // none has ended, or there is none at all (ECHILD)
    ++reaped_so_far.children;
    if (children_to_reap != nullptr) children_to_reap->note_ended(pid, status);
  }
}

void on_child(int) {
  const int interrupted_errno = errno;
  ++reaped_so_far.signals;
  reap_ended_children();
  errno = interrupted_errno;
}

void on_stop(int) {
  stop_request_count = stop_request_count + 1;
}
void on_status(int) {
  status_requested = 1;
}
void on_reload(int) {
  reload_requested = 1;
}

sigset_t window_signals() noexcept {
  return posix::signal_set({SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1});
}

bool take(volatile sig_atomic_t& flag) noexcept {
  // Its handler runs in wait() alone, so nothing comes between the two lines.
  const bool was_set = flag != 0;
  flag = 0;
  return was_set;
}

}  // namespace

SignalWindow::SignalWindow() noexcept {
  const sigset_t signals = window_signals();
  posix::set_signal_mask(signals);
  posix::set_disposition(SIGCHLD, SIG_DFL);
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGTTOU}) posix::set_disposition(signal, SIG_IGN);
  posix::set_disposition(SIGTERM, on_stop, signals);
  posix::set_disposition(SIGINT, on_stop, signals);
  posix::set_disposition(SIGUSR1, on_status, signals);
  posix::set_disposition(SIGHUP, on_reload, signals);
}

void SignalWindow::start_reaping(ChildTable* children) noexcept {
  children_to_reap = children;
  // The default, set once more, discards a SIGCHLD that is pending (POSIX, Signal Actions): those who ended
  // before are reaped below, and a child of the start-up would count as a signal without one.
  posix::set_disposition(SIGCHLD, SIG_DFL);
  posix::set_disposition(SIGCHLD, on_child, window_signals());
  reap_ended_children();  // the mask is closed, so the handler cannot come between
}

int SignalWindow::wait(std::span<pollfd> descriptors, std::optional<posix::Duration> timeout) noexcept {
  static const sigset_t open_window = posix::signal_set({});
  const timespec limit = posix::to_timespec(timeout.value_or(posix::Duration::zero()));
  const int ready = ::ppoll(descriptors.data(), static_cast<nfds_t>(descriptors.size()),
                            timeout ? &limit : nullptr, &open_window);
  if (ready >= 0 || errno == EINTR) return ready;
  const int error = errno;
  const timespec rest =
      posix::to_timespec(std::min(timeout.value_or(rest_after_failure), rest_after_failure));
  ::pselect(0, nullptr, nullptr, nullptr, &rest, &open_window);
  errno = error;
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

void SignalWindow::reset_for_child() noexcept {
  posix::set_disposition(SIGCHLD, SIG_DFL);
  posix::set_disposition(SIGTERM, SIG_DFL);
  posix::set_disposition(SIGINT, SIG_IGN);
  posix::set_disposition(SIGHUP, SIG_IGN);
  posix::set_disposition(SIGUSR1, SIG_IGN);
  posix::set_signal_mask(posix::signal_set({}));
}

}  // namespace tcpserver::server
