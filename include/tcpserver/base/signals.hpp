#pragma once

#include <signal.h>

#include <initializer_list>

namespace tcpserver::base {

using SignalHandler = void (*)(int);

// A set of just these signals.
[[nodiscard]] sigset_t signal_set(std::initializer_list<int> signals) noexcept;

// Installs a disposition: a function of ours, SIG_DFL or SIG_IGN. The handler runs with `blocked_meanwhile`
// added to the mask, and interrupted system calls are not restarted. Cannot fail for a valid, catchable
// signal.
void set_disposition(int signal, SignalHandler handler, const sigset_t& blocked_meanwhile) noexcept;
void set_disposition(int signal, SignalHandler handler) noexcept;

// Replaces the process's mask, whatever was inherited.
void set_signal_mask(const sigset_t& blocked) noexcept;

// "SIGKILL" for 9; a phrase for the rare signal that has no name here. Never null, never allocated.
[[nodiscard]] const char* signal_name(int signal) noexcept;

}  // namespace tcpserver::base
