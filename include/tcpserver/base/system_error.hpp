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

// Returns an error with the message "cannot ACTION: ERRNO TEXT". All system errors are built here.
[[nodiscard]] StartError system_error(const std::string& action, int error = errno,
                                      ExitStatus status = ExitStatus::system);

}  // namespace tcpserver::base
