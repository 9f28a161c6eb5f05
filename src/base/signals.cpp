#include "tcpserver/base/signals.hpp"

namespace tcpserver::base {

sigset_t signal_set(std::initializer_list<int> signals) noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

void set_disposition(int signal, SignalHandler handler, const sigset_t& blocked_meanwhile) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_mask = blocked_meanwhile;
  action.sa_flags = SA_NOCLDSTOP;  // no SIGCHLD for stopped children
  sigaction(signal, &action, nullptr);
}

void set_signal_mask(const sigset_t& blocked) noexcept {
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
}

const char* signal_name(int signal) noexcept {
  static constexpr struct {
    int signal;
    const char* name;
  } names[] = {
      {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
      {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
      {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
      {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"}, {SIGSYS, "SIGSYS"},
      {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"},
  };
  for (const auto& entry : names) {
    if (entry.signal == signal) return entry.name;
  }
  return "unknown_signal";
}

}  // namespace tcpserver::base
