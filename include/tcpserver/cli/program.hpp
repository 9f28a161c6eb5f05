#pragma once

#include "tcpserver/posix/exit_status.hpp"
#include "tcpserver/posix/io.hpp"
#include "tcpserver/posix/signals.hpp"
#include "tcpserver/posix/system_error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <exception>
#include <string>
#include <string_view>

namespace tcpserver::programs {

// Prints the text of --help or --version. A full disk or a closed standard output is an error.
inline posix::ExitStatus show(std::string_view text) {
  if (!posix::write_all(STDOUT_FILENO, text)) {
    throw posix::system_error("write to standard output", errno, posix::ExitStatus::io_error);
  }
  return posix::ExitStatus::ok;
}

// For programs whose output is what they are for: throws StartError where standard output is closed. Filled
// with /dev/null it would swallow a reply, left alone the next socket would take its place. Other standard
// descriptors that are closed get /dev/null.
inline void need_standard_output() {
  if (::fcntl(STDOUT_FILENO, F_GETFD) < 0) {
    throw posix::system_error("write to standard output", errno, posix::ExitStatus::io_error);
  }
  if (!posix::fill_standard_descriptors()) throw posix::system_error("open /dev/null");
}

// The frame of every main: runs it, and makes one line on standard error and an exit status of what is
// thrown; of an empty line, which was said already, the status alone. Ignores SIGPIPE: a write to
// a closed pipe then fails with EPIPE, and the program exits with its documented status.
template <typename Run>
int run_program(std::string_view name, Run run) {
  const auto fail = [name](std::string_view line, posix::ExitStatus status) {
    if (line.empty()) return posix::to_int(status);
    posix::set_disposition(SIGPIPE, SIG_IGN);  // tcpclient may have restored the default
    const std::string text = std::string(name) + ": " + std::string(line) + "\n";
    static_cast<void>(posix::write_all(STDERR_FILENO, text));  // nobody is left to be told if this fails
    return posix::to_int(status);
  };
  posix::set_disposition(SIGPIPE, SIG_IGN);
  try {
    return posix::to_int(run());
  } catch (const posix::StartError& error) {
    return fail(error.what(), error.status());
  } catch (const std::exception& error) {
    return fail(error.what(), posix::ExitStatus::software);
  }
}

}  // namespace tcpserver::programs
