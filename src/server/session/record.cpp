#include "tcpserver/server/session/record.hpp"

#include <cerrno>

namespace tcpserver::server {

namespace {

// libc has no text for larger values, so strerror(3) would allocate.
constexpr int largest_errno = EHWPOISON;

int claimed_errno(const std::atomic<int>& word) noexcept {
  const int error = word.load(std::memory_order_relaxed);
  return error >= 0 && error <= largest_errno ? error : 0;
}

}  // namespace

SessionClaims SessionRecord::claims() const noexcept {
  return {.in = in.load(std::memory_order_relaxed),
          .out = out.load(std::memory_order_relaxed),
          .error = claimed_errno(error),
          .recorded = recorded.load(std::memory_order_relaxed),
          .recording_error = claimed_errno(recording_error)};
}

}  // namespace tcpserver::server
