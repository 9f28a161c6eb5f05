#pragma once

#include <cstdint>

namespace tcpserver::server {

class Log;
struct ServerOptions;

// How a child gives up every system call but read, write, exit and sigreturn.
enum class Sandbox : std::uint8_t {
  strict,  // SECCOMP_MODE_STRICT, the cheapest
  filter,  // a filter with the same rules: strict mode cannot follow a container's own filter (seccomp(2))
  none     // no seccomp in this build or kernel, or an outer filter forbids it
};

// Returns the best sandbox that a child of this process can enter, by letting one try, or none with --sandbox
// off. Sets no_new_privs, which a filter needs. Call once, at the start. Throws StartError (system) if
// --sandbox on is not possible, or if no child can be forked.
[[nodiscard]] Sandbox choose_sandbox(const ServerOptions& options, Log& log);

// In the child: any other system call kills it from now on. Returns false if the kernel refuses.
[[nodiscard]] bool enter_sandbox(Sandbox sandbox) noexcept;

struct SandboxResult {
  bool sandbox = false;         // false: the kernel refused
  bool can_set_linger = false;  // the child can still set SO_LINGER on its connection
};

// Enters the sandbox in a plain child. Prefers a filter that allows SO_LINGER, because strict mode does not;
// falls back to enter_sandbox().
[[nodiscard]] SandboxResult enter_sandbox_with_linger(Sandbox sandbox) noexcept;

}  // namespace tcpserver::server
