#pragma once

#include <cstdint>

namespace tcpserver::server {

class Log;
struct ServerOptions;

// How a child restricts itself to the system calls read, write, exit and sigreturn.
enum class Sandbox : std::uint8_t {
  strict,  // SECCOMP_MODE_STRICT, the cheapest
  filter,  // a filter with the same rules; a container's own filter rules out strict mode (seccomp(2))
  none     // no seccomp in this build or kernel, or an outer filter forbids it
};

// Forks test children and returns the best sandbox that one can enter; none with --sandbox off. Sets
// no_new_privs, which a filter requires. Call once, at start-up. Throws StartError (system) if --sandbox on
// is not possible, or if fork fails.
[[nodiscard]] Sandbox choose_sandbox(const ServerOptions& options, Log& log);

// Call in the child. From then on any other system call kills it. Returns false if the kernel refuses.
[[nodiscard]] bool enter_sandbox(Sandbox sandbox) noexcept;

struct SandboxResult {
  bool sandbox = false;         // false: the kernel refused
  bool can_set_linger = false;  // the child can still set SO_LINGER on its connection
};

// Enters the sandbox in a plain child. Tries a filter that also allows SO_LINGER, then enter_sandbox().
[[nodiscard]] SandboxResult enter_sandbox_with_linger(Sandbox sandbox) noexcept;

}  // namespace tcpserver::server
