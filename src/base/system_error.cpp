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
      NAMED(EPERM),        NAMED(ENOENT),       NAMED(EINTR),        NAMED(EIO),         NAMED(ENXIO),
      NAMED(EBADF),        NAMED(EAGAIN),       NAMED(ENOMEM),       NAMED(EACCES),      NAMED(EFAULT),
      NAMED(ENODEV),       NAMED(EINVAL),       NAMED(ENFILE),       NAMED(EMFILE),      NAMED(EFBIG),
      NAMED(ENOSPC),       NAMED(EROFS),        NAMED(EPIPE),        NAMED(ENOSYS),      NAMED(EDQUOT),
      NAMED(ENAMETOOLONG), NAMED(EPROTO),       NAMED(EOPNOTSUPP),   NAMED(ENETDOWN),    NAMED(ENETUNREACH),
      NAMED(ENETRESET),    NAMED(ECONNABORTED), NAMED(ECONNRESET),   NAMED(ENOBUFS),     NAMED(ENOTCONN),
      NAMED(ETIMEDOUT),    NAMED(ECONNREFUSED), NAMED(EHOSTUNREACH), NAMED(ENOPROTOOPT), NAMED(ESTALE)};
  for (const auto& entry : names) {
    if (entry.error == error) return entry.name;
  }
  return "unknown_error";
}

StartError system_error(const std::string& action, int error, ExitStatus status) {
  return {status, "cannot " + action + ": " + error_text(error)};
}

}  // namespace tcpserver::base
