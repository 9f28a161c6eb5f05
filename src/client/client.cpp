#include "client/client.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/resolve.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/program.hpp"
#include "tcpserver/client/connection_engine.hpp"

#include "client/client_pool.hpp"
#include "client/self_connection.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <thread>

namespace tcpserver::client {

namespace {

using base::ExitStatus;
using base::SocketAddress;
using base::StartError;
using base::UniqueFd;

// Tells an interactive user once that the program is waiting, after two seconds.
class WaitNotice {
 public:
  [[nodiscard]] std::optional<base::TimePoint> due() const noexcept { return due_; }
  void cancel() noexcept { due_.reset(); }
  // Prints the text if the time has come.
  void print_if_due(const std::string& text) {
    if (!due_ || base::Clock::now() < *due_) return;
    due_.reset();
    cli::print_error("tcpclient", text + " (press Ctrl-C to stop)");
  }

 private:
  static constexpr auto delay = std::chrono::seconds(2);
  std::optional<base::TimePoint> due_ = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1
                                            ? std::optional(base::Clock::now() + delay)
                                            : std::nullopt;
};

// Polls until an event, a signal, or the deadline. Returns the result of ppoll.
int poll_until(std::span<pollfd> polled, std::optional<base::TimePoint> deadline, WaitNotice& notice,
               const std::string& notice_text) {
  for (;;) {
    const auto left = base::time_left(base::earlier(deadline, notice.due()));
    const timespec limit = base::to_timespec(left.value_or(base::Duration::zero()));
    const int ready = ::ppoll(polled.data(), polled.size(), left ? &limit : nullptr, nullptr);
    if (ready != 0 || (deadline && base::Clock::now() >= *deadline)) return ready;
    notice.print_if_due(notice_text);
  }
}

// Waits for the end of a connect. Returns 0 or its errno.
int finish_connecting(int fd, const SocketAddress& address, std::optional<base::TimePoint> deadline,
                      WaitNotice& notice) {
  pollfd polled{.fd = fd, .events = POLLOUT, .revents = 0};
  int ready = -1;
  do {
    ready = poll_until({&polled, 1}, deadline, notice, "still connecting to " + address.text());
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return ready == 0 ? ETIMEDOUT : errno;
  return socket_error(fd);
}

// Returns 0 or the errno of socket or connect.
int connect_to(const SocketAddress& address, std::optional<base::TimePoint> deadline, WaitNotice& notice,
               UniqueFd& fd) {
  fd = open_socket(address);
  if (!fd && base::is_shortage(errno)) throw base::system_error("open a socket");
  if (!fd) return errno;
  if (::connect(fd.get(), address.get(), address.size()) != 0) {
    const int error = errno == EINPROGRESS ? finish_connecting(fd.get(), address, deadline, notice) : errno;
    if (error != 0) return error;
  }
  if (!is_connected_to_itself(fd.get(), address)) return 0;
  base::close_with_reset(std::move(fd));
  return ECONNREFUSED;
}

// Blocks until standard input is readable. Throws if the server closes the connection first (-1: none).
void wait_for_input(int connection) {
  for (;;) {
    std::array<pollfd, 2> polled{{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                  {.fd = connection, .events = POLLIN, .revents = 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw base::system_error("wait for input");
    }
    if (polled[0].revents != 0) return;
    char byte = 0;
    const ssize_t count = ::recv(connection, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (count == 0 || (count < 0 && !base::would_block(errno))) {
      static_cast<void>(base::write_all(STDERR_FILENO, "\n"));  // ends the line of the question
      throw StartError(ExitStatus::io_error, "the server closed the connection before a sentence was sent");
    }
    connection = -1;  // a greeting, which would keep it readable
  }
}

// Asks on the terminal. Returns the line with its newline, or nullopt if the user ended the input (Ctrl-D).
// The question goes to standard output if that is a terminal, else to standard error, so that a redirected
// reply stays clean. `connection` as for wait_for_input.
std::optional<std::string> ask_for_sentence(int connection) {
  const int terminal = ::isatty(STDOUT_FILENO) == 1 ? STDOUT_FILENO : STDERR_FILENO;
  if (!base::write_all(terminal, "Please type a short sentence: "))
    throw base::system_error("write to the terminal");

  std::string sentence;
  while (!sentence.ends_with('\n')) {
    wait_for_input(connection);
    std::array<char, 4096> part{};
    const ssize_t count = base::read_some(STDIN_FILENO, part.data(), part.size());
    if (count < 0) throw base::system_error("read standard input", errno, ExitStatus::io_error);
    if (count > 0) {
      sentence.append(part.data(), static_cast<std::size_t>(count));
      continue;
    }
    static_cast<void>(base::write_all(terminal, "\n"));  // Ctrl-D leaves the cursor in the line
    if (sentence.empty()) return std::nullopt;
    sentence += '\n';
  }
  return sentence;
}

constexpr std::size_t buffer_size = 256UL * 1024;

// A regular file does not block. A pipe or terminal that polls writable takes PIPE_BUF bytes. A larger write
// could block while the server waits for this program.
std::size_t safe_write_size(int fd) {
  struct stat status {};
  const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  return regular ? buffer_size : PIPE_BUF;
}

// Sends a text or a stream, half-closes, and writes every byte of the reply to standard output until the
// server closes. Both directions move at the same time, which prevents a deadlock, even with a large stream
// and small buffers of the server. Memory is bounded.
class Exchange {
 public:
  // `connection` is non-blocking. Sends `text`, or all of standard input without one. `timeout` is the
  // longest wait for the server without progress; an idle source does not count.
  Exchange(int connection, const std::optional<std::string>& text, std::optional<base::Duration> timeout)
      : connection_(connection),
        timeout_(timeout),
        source_open_(!text),
        outgoing_(text ? std::string_view(*text) : std::string_view()),
        outgoing_buffer_(text ? 0 : buffer_size) {}

  // Throws StartError: temp_fail (timed out), io_error (reset, closed before everything was sent, fewer bytes
  // received than sent, or the source or the sink failed). Received bytes are written first.
  void run() {
    while (server_open_ || !incoming_.empty()) {
      half_close_when_all_is_sent();
      wait();
      if (polled_[0].revents != 0) read_source();
      if ((polled_[1].revents & (POLLOUT | POLLERR | POLLHUP)) != 0 && !outgoing_.empty()) send();
      if ((polled_[1].revents & (POLLIN | POLLERR | POLLHUP)) != 0 && may_receive()) receive();
      if (polled_[2].revents != 0) write_sink();
    }
    if (failure_ != 0) fail("connection lost: " + base::error_text(failure_));
    if (!half_closed_) fail("the server closed the connection before everything was sent");
    // A server may end a session early with a normal FIN, so only the byte count shows a short reply. A
    // longer reply is no error: the server may run another service than echo.
    if (received_ < sent_) {
      throw StartError(ExitStatus::io_error, "the server closed the connection early: received " +
                                                 std::to_string(received_) + " of " + std::to_string(sent_) +
                                                 " bytes");
    }
  }

 private:
  [[nodiscard]] bool may_receive() const { return server_open_ && incoming_.empty(); }

  void half_close_when_all_is_sent() {
    if (half_closed_ || failure_ != 0 || source_open_ || !outgoing_.empty()) return;
    half_closed_ = true;
    ::shutdown(connection_, SHUT_WR);  // ENOTCONN: the reset shows in the next read
  }

  // ppoll ignores a descriptor of -1.
  void wait() {
    const auto events = static_cast<short>((may_receive() ? POLLIN : 0) | (outgoing_.empty() ? 0 : POLLOUT));
    const bool read_more = source_open_ && outgoing_.empty() && server_open_;
    polled_[0] = {.fd = read_more ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
    polled_[1] = {.fd = events != 0 ? connection_ : -1, .events = events, .revents = 0};
    polled_[2] = {.fd = incoming_.empty() ? -1 : STDOUT_FILENO, .events = POLLOUT, .revents = 0};

    const bool bounded = timeout_ && incoming_.empty() && (half_closed_ || !outgoing_.empty());
    const auto deadline = bounded ? std::optional(base::Clock::now() + *timeout_) : std::nullopt;
    const int ready = poll_until(polled_, deadline, notice_, "connected, waiting for the server's reply");
    if (ready == 0)
      fail("timed out: no progress for " + base::format_duration(*timeout_), ExitStatus::temp_fail);
    if (ready < 0 && errno != EINTR) throw base::system_error("wait for the server");
  }

  void read_source() {
    const ssize_t count = base::read_some(STDIN_FILENO, outgoing_buffer_.data(), outgoing_buffer_.size());
    if (count < 0 && base::would_block(errno)) return;
    if (count < 0) throw base::system_error("read standard input", errno, ExitStatus::io_error);
    if (count == 0) source_open_ = false;
    outgoing_ = {outgoing_buffer_.data(), static_cast<std::size_t>(count)};
  }

  void send() {
    const ssize_t count = ::send(connection_, outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      outgoing_.remove_prefix(static_cast<std::size_t>(count));
      sent_ += static_cast<std::uint64_t>(count);
    } else if (!base::would_block(errno)) {
      // First read what the server has sent.
      failure_ = errno;
      source_open_ = false;
      outgoing_ = {};
    }
  }

  void receive() {
    const ssize_t count = ::recv(connection_, incoming_buffer_.data(), incoming_buffer_.size(), 0);
    if (count > 0) {
      notice_.cancel();
      incoming_ = {incoming_buffer_.data(), static_cast<std::size_t>(count)};
      received_ += static_cast<std::uint64_t>(count);
      return;
    }
    if (count < 0 && base::would_block(errno)) return;
    if (count < 0) failure_ = errno;
    server_open_ = false;
    half_close_when_all_is_sent();
  }

  void write_sink() {
    const ssize_t count = ::write(STDOUT_FILENO, incoming_.data(), std::min(incoming_.size(), write_size_));
    if (count >= 0) {
      incoming_.remove_prefix(static_cast<std::size_t>(count));
    } else if (!base::would_block(errno)) {
      throw base::system_error("write to standard output", errno, ExitStatus::io_error);
    }
  }

  [[noreturn]] void fail(const std::string& what, ExitStatus status = ExitStatus::io_error) const {
    throw StartError(status, what + " (sent " + std::to_string(sent_) + " bytes, received " +
                                 std::to_string(received_) + ")");
  }

  int connection_;
  WaitNotice notice_;
  std::size_t write_size_ = safe_write_size(STDOUT_FILENO);
  std::optional<base::Duration> timeout_;
  bool source_open_;
  bool half_closed_ = false;
  bool server_open_ = true;
  int failure_ = 0;            // errno of the connection
  std::string_view outgoing_;  // read, not yet sent
  std::string_view incoming_;  // received, not yet written
  std::vector<char> outgoing_buffer_;
  std::vector<char> incoming_buffer_ = std::vector<char>(buffer_size);
  std::array<pollfd, 3> polled_{};  // source, connection, standard output
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace

void ConnectErrors::add(const SocketAddress& address, int error) {
  timed_out_ = timed_out_ || error == ETIMEDOUT;
  failures_.emplace_back(address.text(), explain_connect_error(address, error));
}

std::string ConnectErrors::text() const {
  std::string text;
  for (auto next = failures_.begin(); next != failures_.end();) {
    auto [address, failure] = *next++;
    if (next != failures_.end() && next->second.advice == failure.advice) failure.advice.clear();
    text += (text.empty() ? "cannot connect to " : "; ") + address + ": " + to_string(failure);
  }
  return text;
}

UniqueFd connect_to_any(const std::vector<SocketAddress>& addresses,
                        std::optional<base::TimePoint> deadline) {
  ConnectErrors errors;
  WaitNotice notice;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    std::optional<base::TimePoint> share;
    if (deadline) share = base::Clock::now() + *base::time_left(deadline) / (addresses.size() - i);
    UniqueFd fd;
    const int error = connect_to(addresses[i], share, notice, fd);
    if (error == 0) return fd;
    errors.add(addresses[i], error);
  }
  throw StartError(errors.timed_out() ? ExitStatus::temp_fail : ExitStatus::unavailable, errors.text());
}

ExitStatus run_client(const ClientOptions& options) {
  if (options.clients > 0) return run_many_clients(options);
  const bool asks = !options.message && ::isatty(STDIN_FILENO) == 1;
  std::optional<std::string> sentence;  // nullopt: stream standard input
  if (options.message) sentence = *options.message + "\n";
  if (options.ask_first && !asks) wait_for_input(-1);
  if (options.ask_first && asks && !(sentence = ask_for_sentence(-1))) return ExitStatus::ok;
  const auto deadline = options.timeout ? std::optional(base::Clock::now() + *options.timeout) : std::nullopt;
  const auto addresses = base::resolve(options.host, options.port, deadline);
  const auto connection = connect_to_any(addresses, deadline);
  if (!options.ask_first && asks && !(sentence = ask_for_sentence(connection.get()))) return ExitStatus::ok;
  std::this_thread::sleep_for(options.delay);
  Exchange(connection.get(), sentence, options.timeout).run();
  return ExitStatus::ok;
}

}  // namespace tcpserver::client
