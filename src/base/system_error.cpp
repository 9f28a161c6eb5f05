#include "tcpserver/base/system_error.hpp"

#include <array>
#include <system_error>

namespace tcpserver::base {

std::string error_text(int error) {
  return std::generic_category().message(error);
}

const char* errno_name(int error) noexcept {
  struct Name {
    int error;
    const char* name;
  };
  static constexpr std::array names{Name{EPERM, "EPERM"},
                                    Name{ENOENT, "ENOENT"},
                                    Name{EINTR, "EINTR"},
                                    Name{EIO, "EIO"},
                                    Name{ENXIO, "ENXIO"},
                                    Name{EBADF, "EBADF"},
                                    Name{EAGAIN, "EAGAIN"},
                                    Name{ENOMEM, "ENOMEM"},
                                    Name{EACCES, "EACCES"},
                                    Name{EFAULT, "EFAULT"},
                                    Name{ENODEV, "ENODEV"},
                                    Name{EINVAL, "EINVAL"},
                                    Name{ENFILE, "ENFILE"},
                                    Name{EMFILE, "EMFILE"},
                                    Name{EFBIG, "EFBIG"},
                                    Name{ENOSPC, "ENOSPC"},
                                    Name{EROFS, "EROFS"},
                                    Name{EPIPE, "EPIPE"},
                                    Name{ENOSYS, "ENOSYS"},
                                    Name{EDQUOT, "EDQUOT"},
                                    Name{ENAMETOOLONG, "ENAMETOOLONG"},
                                    Name{EPROTO, "EPROTO"},
                                    Name{EOPNOTSUPP, "EOPNOTSUPP"},
                                    Name{ENETDOWN, "ENETDOWN"},
                                    Name{ENETUNREACH, "ENETUNREACH"},
                                    Name{ENETRESET, "ENETRESET"},
                                    Name{ECONNABORTED, "ECONNABORTED"},
                                    Name{ECONNRESET, "ECONNRESET"},
                                    Name{ENOBUFS, "ENOBUFS"},
                                    Name{ENOTCONN, "ENOTCONN"},
                                    Name{ETIMEDOUT, "ETIMEDOUT"},
                                    Name{ECONNREFUSED, "ECONNREFUSED"},
                                    Name{EHOSTUNREACH, "EHOSTUNREACH"},
                                    Name{ENOPROTOOPT, "ENOPROTOOPT"},
                                    Name{ESTALE, "ESTALE"}};
  for (const auto& entry : names) {
    if (entry.error == error) return entry.name;
  }
  return "an error without a name here";
}

StartError system_error(const std::string& action, int error, ExitStatus status) {
  return {status, "cannot " + action + ": " + error_text(error)};
}

}  // namespace tcpserver::base
