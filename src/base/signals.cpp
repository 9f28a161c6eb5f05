#include "tcpserver/base/signals.hpp"

#include <array>

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
  action.sa_flags = SA_NOCLDSTOP;  // SIGCHLD tells of ends alone, not of stops
  sigaction(signal, &action, nullptr);
}

void set_disposition(int signal, SignalHandler handler) noexcept {
  set_disposition(signal, handler, signal_set({}));
}

void set_signal_mask(const sigset_t& blocked) noexcept {
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
}

const char* signal_name(int signal) noexcept {
  struct Name {
    int signal;
    const char* name;
  };
  static constexpr std::array names{
      Name{SIGHUP, "SIGHUP"},   Name{SIGINT, "SIGINT"},   Name{SIGQUIT, "SIGQUIT"}, Name{SIGILL, "SIGILL"},
      Name{SIGTRAP, "SIGTRAP"}, Name{SIGABRT, "SIGABRT"}, Name{SIGBUS, "SIGBUS"},   Name{SIGFPE, "SIGFPE"},
      Name{SIGKILL, "SIGKILL"}, Name{SIGUSR1, "SIGUSR1"}, Name{SIGSEGV, "SIGSEGV"}, Name{SIGUSR2, "SIGUSR2"},
      Name{SIGPIPE, "SIGPIPE"}, Name{SIGALRM, "SIGALRM"}, Name{SIGTERM, "SIGTERM"}, Name{SIGSYS, "SIGSYS"},
      Name{SIGXCPU, "SIGXCPU"}, Name{SIGXFSZ, "SIGXFSZ"},
  };
  for (const auto& entry : names) {
    if (entry.signal == signal) return entry.name;
  }
  return "a signal without a name here";
}

}  // namespace tcpserver::base
