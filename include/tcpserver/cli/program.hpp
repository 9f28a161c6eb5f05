#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/io.hpp"
#include "tcpserver/base/signals.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace tcpserver::cli {

// Prints the text of --help or --version. Throws StartError (io_error) on failure.
inline base::ExitStatus show(std::string_view text) {
  base::print(text);
  return base::ExitStatus::ok;
}

// Throws StartError if standard output is closed, for programs whose purpose is their output. Do not open
// /dev/null instead: it would discard the reply. Do not leave the descriptor closed: a socket could get its
// number. Fills the other standard descriptors.
inline void need_standard_output() {
  if (::fcntl(STDOUT_FILENO, F_GETFD) < 0) {
    throw base::system_error("write to standard output", errno, base::ExitStatus::io_error);
  }
  if (!base::fill_standard_descriptors()) throw base::system_error("open /dev/null");
}

// Prints "NAME: LINE" on standard error, and breaks it at the width of a terminal. Ignores failures.
inline void print_error(std::string_view name, std::string_view line) {
  std::string text = std::string(name) + ": " + std::string(line) + "\n";
  if (const auto width = base::prose_width(STDERR_FILENO)) text = base::wrap_lines(text, *width, 4);
  static_cast<void>(base::write_all(STDERR_FILENO, text));
}

// The frame of every main. Runs `run`. If it throws, calls `print` with the message and returns the exit
// status. Ignores SIGPIPE: a write to a closed pipe then fails with EPIPE, and the program exits with its
// documented status.
template <typename Run, typename Print>
int run_and_report(Run run, Print print) {
  const auto fail = [&print](std::string_view line, base::ExitStatus status) {
    base::set_disposition(SIGPIPE, SIG_IGN);  // tcpclient may have restored the default
    print(line);
    return base::to_int(status);
  };
  base::set_disposition(SIGPIPE, SIG_IGN);
  try {
    return base::to_int(run());
  } catch (const base::StartError& error) {
    return fail(error.what(), error.status());
  } catch (const std::exception& error) {
    return fail(error.what(), base::ExitStatus::software);
  }
}

// Does the same. Prints the message on standard error.
template <typename Run>
int run_program(std::string_view name, Run run) {
  return run_and_report(std::move(run), [name](std::string_view line) { print_error(name, line); });
}

}  // namespace tcpserver::cli
