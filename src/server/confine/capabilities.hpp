#pragma once

// Root's capabilities of this process (capabilities(7)). Masks have a bit per capability: CAP_TO_MASK of
// <linux/capability.h>, of the first 32.
namespace tcpserver::server {

// True if there are any, or if the kernel does not tell.
[[nodiscard]] bool has_capabilities() noexcept;

[[nodiscard]] unsigned permitted_capabilities() noexcept;

// Drops all but these, for this process and for what it executes. Returns false on failure.
bool drop_capabilities(unsigned kept = 0) noexcept;

}  // namespace tcpserver::server
