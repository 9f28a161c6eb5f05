#include "tcpserver/base/system_error.hpp"

#include <system_error>

namespace tcpserver::base {

namespace {

struct NamedError {
  int error;
  const char* name;
};
#define NAMED(error) \
  NamedError {       \
    error, #error    \
  }

}  // namespace

std::string error_text(int error) {
  return std::generic_category().message(error);
}

const char* errno_name(int error) noexcept {
  static constexpr NamedError names[] = {
      NAMED(EPERM),        NAMED(ENOENT),          NAMED(EINTR),           NAMED(EIO),
      NAMED(E2BIG),        NAMED(ENXIO),           NAMED(EBADF),           NAMED(EAGAIN),
      NAMED(ENOMEM),       NAMED(EACCES),          NAMED(EFAULT),          NAMED(ENODEV),
      NAMED(EINVAL),       NAMED(ENFILE),          NAMED(EMFILE),          NAMED(EFBIG),
      NAMED(ENOSPC),       NAMED(EROFS),           NAMED(EPIPE),           NAMED(ENOSYS),
      NAMED(EDQUOT),       NAMED(ENAMETOOLONG),    NAMED(EPROTO),          NAMED(EOPNOTSUPP),
      NAMED(EAFNOSUPPORT), NAMED(EPROTONOSUPPORT), NAMED(ESOCKTNOSUPPORT), NAMED(EADDRNOTAVAIL),
      NAMED(EADDRINUSE),   NAMED(ENETDOWN),        NAMED(ENETUNREACH),     NAMED(ENETRESET),
      NAMED(ECONNABORTED), NAMED(ECONNRESET),      NAMED(ENOBUFS),         NAMED(ENOTCONN),
      NAMED(ETIMEDOUT),    NAMED(ECONNREFUSED),    NAMED(EHOSTUNREACH),    NAMED(ENOPROTOOPT),
      NAMED(ESTALE)};
  for (const auto& entry : names) {
    if (entry.error == error) return entry.name;
  }
  return "unknown_error";
}

std::string socket_error_text(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return error_text(error) + " by a security policy, such as seccomp, SELinux or a setting of systemd";
    case EMFILE:
      return error_text(error) + " (see ulimit -n)";
    default:
      return error_text(error);
  }
}

ExitStatus socket_error_status(int error) noexcept {
  if (error == EACCES || error == EPERM) return ExitStatus::no_permission;
  return is_shortage(error) ? ExitStatus::system : ExitStatus::unavailable;
}

StartError socket_error(const std::string& action, int error) {
  return {socket_error_status(error), "cannot " + action + ": " + socket_error_text(error)};
}

StartError system_error(const std::string& action, int error, ExitStatus status) {
  return {status, "cannot " + action + ": " + error_text(error)};
}

}  // namespace tcpserver::base
