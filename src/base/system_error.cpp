#include "tcpserver/base/system_error.hpp"

#include <system_error>

namespace tcpserver::base {

std::string error_text(int error) {
  return std::generic_category().message(error);
}

const char* errno_name(int error) noexcept {
  static constexpr struct {
    int error;
    const char* name;
  } names[] = {
      {EPERM, "EPERM"},
      {ENOENT, "ENOENT"},
      {EINTR, "EINTR"},
      {EIO, "EIO"},
      {ENXIO, "ENXIO"},
      {EBADF, "EBADF"},
      {EAGAIN, "EAGAIN"},
      {ENOMEM, "ENOMEM"},
      {EACCES, "EACCES"},
      {EFAULT, "EFAULT"},
      {ENODEV, "ENODEV"},
      {EINVAL, "EINVAL"},
      {ENFILE, "ENFILE"},
      {EMFILE, "EMFILE"},
      {EFBIG, "EFBIG"},
      {ENOSPC, "ENOSPC"},
      {EROFS, "EROFS"},
      {EPIPE, "EPIPE"},
      {ENOSYS, "ENOSYS"},
      {EDQUOT, "EDQUOT"},
      {ENAMETOOLONG, "ENAMETOOLONG"},
      {EPROTO, "EPROTO"},
      {EOPNOTSUPP, "EOPNOTSUPP"},
      {ENETDOWN, "ENETDOWN"},
      {ENETUNREACH, "ENETUNREACH"},
      {ENETRESET, "ENETRESET"},
      {ECONNABORTED, "ECONNABORTED"},
      {ECONNRESET, "ECONNRESET"},
      {ENOBUFS, "ENOBUFS"},
      {ENOTCONN, "ENOTCONN"},
      {ETIMEDOUT, "ETIMEDOUT"},
      {ECONNREFUSED, "ECONNREFUSED"},
      {EHOSTUNREACH, "EHOSTUNREACH"},
      {ENOPROTOOPT, "ENOPROTOOPT"},
      {ESTALE, "ESTALE"},
  };
  for (const auto& entry : names) {
    if (entry.error == error) return entry.name;
  }
  return "an error without a name here";
}

StartError system_error(const std::string& action, int error, ExitStatus status) {
  return {status, "cannot " + action + ": " + error_text(error)};
}

}  // namespace tcpserver::base
