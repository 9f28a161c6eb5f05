#include "server/admit/accept_error.hpp"

#include <cerrno>

namespace tcpserver::server {

AcceptAdvice classify_accept_error(int error) noexcept {
  switch (error) {
    case EAGAIN:
      return AcceptAdvice::none_waiting;

    // The connection is lost, or a firewall rule forbids it.
    case ECONNABORTED:
    case EPERM:
    case EINTR:
    // Linux passes on network errors that are pending on the new socket: "treat them like EAGAIN by retrying"
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

    // The descriptor is not a socket, or not a listening one any more.
    case EBADF:
    case EFAULT:
    case EINVAL:
    case ENOTSOCK:
      return AcceptAdvice::check_listener;

    // ENOBUFS, ENOMEM and unknown errors: the client stays queued, and an immediate retry would fail again.
    default:
      return AcceptAdvice::back_off;
  }
}

}  // namespace tcpserver::server
