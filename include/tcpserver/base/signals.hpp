#pragma once

#include <signal.h>

#include <initializer_list>

namespace tcpserver::base {

using SignalHandler = void (*)(int);

// Returns the set of these signals.
[[nodiscard]] sigset_t signal_set(std::initializer_list<int> signals) noexcept;

// Installs a handler, SIG_DFL or SIG_IGN. While the handler runs, `blocked_meanwhile` is blocked too.
// Interrupted system calls are not restarted. Cannot fail for a valid, catchable signal.
void set_disposition(int signal, SignalHandler handler,
                     const sigset_t& blocked_meanwhile = signal_set({})) noexcept;

// Replaces the signal mask of the process.
void set_signal_mask(const sigset_t& blocked) noexcept;

// Returns "SIGKILL" for 9, "unknown_signal" for rare signals. Never null; does not allocate.
[[nodiscard]] const char* signal_name(int signal) noexcept;

}  // namespace tcpserver::base
