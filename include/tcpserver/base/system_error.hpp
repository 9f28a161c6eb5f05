#pragma once

#include "tcpserver/base/exit_status.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>

namespace tcpserver::base {

// A start-up step that failed. what() is the one line a user reads; status() is what the program exits with.
class StartError : public std::runtime_error {
 public:
  StartError(ExitStatus status, const std::string& line) : std::runtime_error(line), status_(status) {}
  [[nodiscard]] ExitStatus status() const noexcept { return status_; }

 private:
  ExitStatus status_;
};

// "Address already in use" and the like, for an errno value.
[[nodiscard]] std::string error_text(int error);

// "EMFILE" for an errno value; a phrase for the rare one that has no name here. Never null, never allocated.
[[nodiscard]] const char* errno_name(int error) noexcept;

// The one builder of system errors: "cannot ACTION: TEXT OF ERRNO".
[[nodiscard]] StartError system_error(const std::string& action, int error = errno,
                                      ExitStatus status = ExitStatus::system);

}  // namespace tcpserver::base
