#pragma once

#include "tcpserver/base/exit_status.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>

namespace tcpserver::base {

// A start-up step that failed. what() is the line for the user; the program exits with status().
class StartError : public std::runtime_error {
 public:
  StartError(ExitStatus status, const std::string& line) : std::runtime_error(line), status_(status) {}
  [[nodiscard]] ExitStatus status() const noexcept { return status_; }

 private:
  ExitStatus status_;
};

// "Address already in use" for EADDRINUSE.
[[nodiscard]] std::string error_text(int error);

// "EMFILE" for EMFILE; a phrase for rare errors. Never null, never allocated.
[[nodiscard]] const char* errno_name(int error) noexcept;

// "cannot ACTION: TEXT OF ERRNO". All system errors are built here.
[[nodiscard]] StartError system_error(const std::string& action, int error = errno,
                                      ExitStatus status = ExitStatus::system);

}  // namespace tcpserver::base
