#pragma once

namespace tcpserver::server {

// How a child gives up every system call but read, write, exit and sigreturn.
enum class Sandbox {
  strict,  // SECCOMP_MODE_STRICT: no program to run per call, the cheapest
  filter,  // the same four calls by a seccomp filter, where a container's filter is in force already:
           // strict mode cannot be set on top of one (seccomp(2))
  none     // neither can be entered: no seccomp in this build or kernel, or an outer filter forbids it
};

// The best that this process's children can enter, found by having one try. Also sets no_new_privs on this
// process, which the filter needs and which a program that never executes another one loses nothing by.
// Called once, at start-up. Throws StartError where no child can be forked to try.
[[nodiscard]] Sandbox prepare_sandbox();

// In the child. From here on any other system call kills it. False where the kernel refused.
[[nodiscard]] bool enter_sandbox(Sandbox sandbox) noexcept;

}  // namespace tcpserver::server
