#include "server/admit/accept_error.hpp"

#include <cerrno>

namespace tcpserver::server {

AcceptAdvice classify_accept_error(int error) noexcept {
  switch (error) {
    case EAGAIN:
      return AcceptAdvice::none_waiting;

    // That connection went away, or a firewall forbids it.
    case ECONNABORTED:
    case EPERM:
    case EINTR:
    // Linux reports network errors that are pending on the new socket: "treat them like EAGAIN by retrying"
    // (accept(2), ERRORS).
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
      return AcceptAdvice::retry;

    case EMFILE:
    case ENFILE:
      return AcceptAdvice::short_of_descriptors;

    // Not a socket, or not a listening one any more: no client can come from it.
    case EBADF:
    case EFAULT:
    case EINVAL:
    case ENOTSOCK:
      return AcceptAdvice::doubtful;

    // ENOBUFS, ENOMEM and unknown errors: the client stays queued, and accept would fail again at once.
    default:
      return AcceptAdvice::back_off;
  }
}

}  // namespace tcpserver::server
