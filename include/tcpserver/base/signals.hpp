#pragma once

#include <signal.h>

#include <initializer_list>

namespace tcpserver::base {

using SignalHandler = void (*)(int);

// The set of these signals.
[[nodiscard]] sigset_t signal_set(std::initializer_list<int> signals) noexcept;

// Installs a handler, SIG_DFL or SIG_IGN. The handler runs with `blocked_meanwhile` added to the mask, and
// interrupted system calls are not restarted. Cannot fail for a valid, catchable signal.
void set_disposition(int signal, SignalHandler handler,
                     const sigset_t& blocked_meanwhile = signal_set({})) noexcept;

// Replaces the process's mask.
void set_signal_mask(const sigset_t& blocked) noexcept;

// "SIGKILL" for 9; a phrase for rare signals. Never null, never allocated.
[[nodiscard]] const char* signal_name(int signal) noexcept;

}  // namespace tcpserver::base
