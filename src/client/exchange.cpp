#include "client/exchange.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

namespace tcpserver::client {

namespace {

using base::ExitStatus;
using base::StartError;

constexpr std::size_t buffer_size = 256UL * 1024;

// A regular file takes any write without blocking for long. Of a pipe or terminal that polls writable no more
// is known than that PIPE_BUF bytes fit; a larger write could block while the server waits for us.
std::size_t safe_write_size(int fd) {
  struct stat status {};
  const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  return regular ? buffer_size : PIPE_BUF;
}

class Exchange {
 public:
  Exchange(int connection, Source source, int sink, std::optional<base::Duration> timeout)
      : connection_(connection),
        source_(source.fd),
        sink_(sink),
        sink_write_size_(safe_write_size(sink)),
        timeout_(timeout),
        source_open_(source.fd >= 0),
        outgoing_(source.text),
        outgoing_buffer_(source.fd >= 0 ? buffer_size : 0),
        incoming_buffer_(buffer_size) {}

  void run() {
    while (server_open_ || !incoming_.empty()) {
      half_close_when_all_is_sent();
      wait();
      if (polled_[0].revents != 0) read_source();
      if ((polled_[1].revents & (POLLOUT | POLLERR | POLLHUP)) != 0 && !outgoing_.empty()) send();
      if ((polled_[1].revents & (POLLIN | POLLERR | POLLHUP)) != 0 && may_receive()) receive();
      if (polled_[2].revents != 0) write_sink();
    }
    if (failure_ != 0) throw broken("the connection broke: " + base::error_text(failure_));
    if (!half_closed_) throw broken("the server closed the connection before everything was sent");
    need_whole_reply();
  }

 private:
  [[nodiscard]] bool may_receive() const { return server_open_ && incoming_.empty(); }

  void half_close_when_all_is_sent() {
    if (half_closed_ || failure_ != 0 || source_open_ || !outgoing_.empty()) return;
    half_closed_ = true;
    ::shutdown(connection_, SHUT_WR);  // ENOTCONN: the reset shows in the next read
  }

  // A descriptor of -1 is left out by poll.
  void wait() {
    const short from_server = may_receive() ? POLLIN : 0;
    const short to_server = outgoing_.empty() ? 0 : POLLOUT;
    const auto events = static_cast<short>(from_server | to_server);
    const bool read_more = source_open_ && outgoing_.empty() && server_open_;
    polled_[0] = {.fd = read_more ? source_ : -1, .events = POLLIN, .revents = 0};
    polled_[1] = {.fd = events != 0 ? connection_ : -1, .events = events, .revents = 0};
    polled_[2] = {.fd = incoming_.empty() ? -1 : sink_, .events = POLLOUT, .revents = 0};

    const bool server_owes = incoming_.empty() && (half_closed_ || !outgoing_.empty());
    const bool bounded = timeout_ && server_owes;
    const timespec limit = base::to_timespec(timeout_.value_or(base::Duration::zero()));
    const int ready = ::ppoll(polled_.data(), polled_.size(), bounded ? &limit : nullptr, nullptr);
    if (ready == 0) {
      throw StartError(ExitStatus::temp_fail, "timed out: nothing from the server for " +
                                                  base::duration_text(*timeout_) + totals_text());
    }
    if (ready < 0 && errno != EINTR) throw base::system_error("wait for the server");
  }

  void read_source() {
    const ssize_t count = base::read_some(source_, outgoing_buffer_.data(), outgoing_buffer_.size());
    if (count < 0) {
      if (base::would_block(errno)) return;
      throw base::system_error("read standard input", errno, ExitStatus::io_error);
    }
    if (count == 0) source_open_ = false;
    outgoing_ = {outgoing_buffer_.data(), static_cast<std::size_t>(count)};
  }

  void send() {
    const ssize_t count = ::send(connection_, outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      outgoing_.remove_prefix(static_cast<std::size_t>(count));
      sent_ += static_cast<std::uint64_t>(count);
    } else if (!base::would_block(errno)) {
      // What the server had sent before may still be there to read: that comes first.
      failure_ = errno;
      source_open_ = false;
      outgoing_ = {};
    }
  }

  void receive() {
    const ssize_t count = ::recv(connection_, incoming_buffer_.data(), incoming_buffer_.size(), 0);
    if (count > 0) {
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
    const ssize_t count = ::write(sink_, incoming_.data(), std::min(incoming_.size(), sink_write_size_));
    if (count >= 0) {
      incoming_.remove_prefix(static_cast<std::size_t>(count));
    } else if (!base::would_block(errno)) {
      throw base::system_error("write to standard output", errno, ExitStatus::io_error);
    }
  }

  // A server may end a session by force with a normal FIN, so only the byte count shows a short reply. A
  // longer reply is fine: the server need not be an echo.
  void need_whole_reply() const {
    if (received_ >= sent_) return;
    throw StartError(ExitStatus::io_error, "connection closed early: " + std::to_string(received_) + " of " +
                                               std::to_string(sent_) + " bytes came back");
  }

  [[nodiscard]] StartError broken(const std::string& what) const {
    return {ExitStatus::io_error, what + totals_text()};
  }

  [[nodiscard]] std::string totals_text() const {
    return " (sent " + std::to_string(sent_) + " bytes, received " + std::to_string(received_) + ")";
  }

  int connection_;
  int source_;
  int sink_;
  std::size_t sink_write_size_;
  std::optional<base::Duration> timeout_;
  bool source_open_;
  bool half_closed_ = false;
  bool server_open_ = true;
  int failure_ = 0;            // errno of the connection
  std::string_view outgoing_;  // read, not yet sent
  std::string_view incoming_;  // received, not yet written
  std::vector<char> outgoing_buffer_;
  std::vector<char> incoming_buffer_;
  std::array<pollfd, 3> polled_{};  // source, connection, sink
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace

void exchange(int connection, Source source, int sink, std::optional<base::Duration> timeout) {
  Exchange(connection, source, sink, timeout).run();
}

}  // namespace tcpserver::client
