#pragma once

#include "tcpserver/base/exit_status.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>

namespace tcpserver::base {

// Reports a failed start-up step. what() is the message for the user; the program exits with status().
class StartError : public std::runtime_error {
 public:
  StartError(ExitStatus status, const std::string& line) : std::runtime_error(line), status_(status) {}
  [[nodiscard]] ExitStatus status() const noexcept { return status_; }

 private:
  ExitStatus status_;
};

// Returns "Address already in use" for EADDRINUSE.
[[nodiscard]] std::string error_text(int error);

// Returns "EMFILE" for EMFILE, "unknown_error" for rare errors. Never null; does not allocate.
[[nodiscard]] const char* errno_name(int error) noexcept;

// True if descriptors or memory ran out. Such an error does not depend on the address.
[[nodiscard]] constexpr bool is_shortage(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// Describe the errno of socket, bind, listen or connect. The text names a security policy for EACCES and
// EPERM, so do not use it where a missing privilege is the cause. The status is no_permission for those two,
// system for a shortage, otherwise unavailable.
[[nodiscard]] std::string socket_error_text(int error);
[[nodiscard]] ExitStatus socket_error_status(int error) noexcept;

// Returns an error with the message "cannot ACTION: TEXT" and that status.
[[nodiscard]] StartError socket_error(const std::string& action, int error = errno);

// Returns an error with the message "cannot ACTION: ERRNO TEXT". All system errors are built here.
[[nodiscard]] StartError system_error(const std::string& action, int error = errno,
                                      ExitStatus status = ExitStatus::system);

}  // namespace tcpserver::base
