#include "client/prompt.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace tcpserver::client {

namespace {

using base::ExitStatus;
using base::StartError;

constexpr std::string_view question = "Please type a short sentence: ";

// Whether the server has closed. A greeting that waits to be read is none of our business yet.
bool closed_by_server(int connection) {
  char byte = 0;
  const ssize_t count = ::recv(connection, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && !base::would_block(errno));
}

// Blocks until the user has typed something.
void wait_for_user(int& watched_connection) {
  for (;;) {
    std::array<pollfd, 2> polled{{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                  {.fd = watched_connection, .events = POLLIN, .revents = 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw base::system_error("wait for input");
    }
    if (polled[0].revents != 0) return;
    if (closed_by_server(watched_connection)) {
      throw StartError(ExitStatus::io_error, "the server closed the connection before a sentence was sent");
    }
    watched_connection = -1;  // it sent something: readable from now on
  }
}

}  // namespace

std::optional<std::string> ask_for_sentence(int connection) {
  const int terminal = ::isatty(STDOUT_FILENO) == 1 ? STDOUT_FILENO : STDERR_FILENO;
  if (!base::write_all(terminal, question)) throw base::system_error("ask on the terminal");

  std::string sentence;
  while (!sentence.ends_with('\n')) {
    wait_for_user(connection);
    std::array<char, 4096> part{};
    const ssize_t count = base::read_some(STDIN_FILENO, part.data(), part.size());
    if (count < 0) throw base::system_error("read standard input", errno, ExitStatus::io_error);
    if (count > 0) {
      sentence.append(part.data(), static_cast<std::size_t>(count));
      continue;
    }
    static_cast<void>(base::write_all(terminal, "\n"));  // Ctrl-D leaves the cursor behind the question
    if (sentence.empty()) return std::nullopt;
    sentence += '\n';
  }
  return sentence;
}

}  // namespace tcpserver::client
