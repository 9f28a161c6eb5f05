#include "tcpserver/server/sandbox.hpp"

namespace tcpserver::server {

Sandbox prepare_sandbox() {
  return Sandbox::none;
}

Confinement confine(const Kept&) noexcept {
  return {};
}

SandboxResult enter_sandbox_with_linger(Sandbox) noexcept {
  return {.sandbox = true, .can_set_linger = true};
}

bool enter_sandbox(Sandbox sandbox) noexcept {
  return sandbox == Sandbox::none;
}

}  // namespace tcpserver::server
