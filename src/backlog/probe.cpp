#include "backlog/probe.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/kernel/socket_facts.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace tcpserver::backlog {

namespace {

using base::SocketAddress;
using base::UniqueFd;

// Both counts must stay the same for this long; loopback delivers within microseconds.
constexpr auto settled_after = std::chrono::milliseconds(30);
constexpr auto longest_settling = std::chrono::seconds(5);  // then it uses the counts as they are
constexpr auto between_counts = std::chrono::milliseconds(5);
// Start this many connections more than any known kernel queues.
constexpr int beyond_any_rule = 5;
// Wait this long for the RST that some kernels send when the queue is full.
constexpr auto watch_for_reset = std::chrono::milliseconds(200);

UniqueFd new_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw base::socket_error("create a socket");
  return fd;
}

// A listener, and clients that connect to it or have connected.
class ProbedQueue {
 public:
  explicit ProbedQueue(int backlog) : address_(*SocketAddress::parse("127.0.0.1", 0)) {
    listener_ = new_socket(address_.family());
    socklen_t size = SocketAddress::storage_size;
    if (::bind(listener_.get(), address_.get(), address_.size()) != 0 ||
        ::listen(listener_.get(), backlog) != 0 ||
        ::getsockname(listener_.get(), address_.storage(), &size) != 0) {
      throw base::socket_error("listen on 127.0.0.1");
    }
  }

  [[nodiscard]] int started() const { return static_cast<int>(clients_.size()); }

  [[nodiscard]] kernel::AcceptQueue state() const {
    const auto queue = kernel::accept_queue(listener_.get());
    if (!queue) throw base::system_error("read TCP_INFO of the listener");
    return *queue;
  }

  // Starts one more connection. Returns its descriptor.
  int start_client() {
    Client client{.fd = new_socket(address_.family())};
    // Closes with RST, so that none of thousands of ports stays in TIME_WAIT.
    static_cast<void>(base::set_reset_on_close(client.fd.get(), true));
    if (::connect(client.fd.get(), address_.get(), address_.size()) != 0 && errno != EINPROGRESS) {
      const auto what = "connect to " + address_.text();
      if (errno != ENETUNREACH && errno != EADDRNOTAVAIL) throw base::socket_error(what);
      throw base::system_error(what + " (all ports are in use, or loopback is down: ip link set lo up)");
    }
    clients_.push_back(std::move(client));
    return clients_.back().fd.get();
  }

  // Starts more connections than fit, and waits until the counts no longer change.
  void fill() {
    int wanted = queued_by_berkeley_rule(static_cast<int>(state().limit)) + beyond_any_rule;
    do {
      while (started() < wanted) start_client();
      wait_until_settled();
      wanted = 2 * started();
    } while (std::all_of(clients_.begin(), clients_.end(), is_established));
  }

  // Counts the established clients whose first byte was acknowledged. The acknowledgement proves that the
  // kernel keeps the connection.
  [[nodiscard]] int count_acknowledged() const {
    return static_cast<int>(std::count_if(clients_.begin(), clients_.end(), [](const Client& client) {
      return client.established && kernel::unacknowledged_bytes(client.fd.get()).value_or(0) == 0;
    }));
  }

  void close_unconnected() {
    std::erase_if(clients_, [](const Client& client) { return !client.established; });
  }

  [[nodiscard]] UniqueFd accept() {
    return UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

 private:
  struct Client {
    UniqueFd fd;
    bool established = false;  // and its first byte is written
  };
  static bool is_established(const Client& client) { return client.established; }

  void update_clients() {
    std::vector<pollfd> polled;
    for (const auto& client : clients_) {
      polled.push_back({.fd = client.established ? -1 : client.fd.get(), .events = POLLOUT, .revents = 0});
    }
    if (::poll(polled.data(), static_cast<nfds_t>(polled.size()), 0) <= 0) return;
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].revents != POLLOUT) continue;  // POLLERR or POLLHUP: refused
      clients_[i].established = ::write(polled[i].fd, "?", 1) == 1;
    }
  }

  void wait_until_settled() {
    const auto deadline = base::Clock::now() + longest_settling;
    auto unchanged_since = base::Clock::now();
    int last = -1;
    for (;;) {
      update_clients();
      const int count = count_acknowledged();
      const auto now = base::Clock::now();
      if (count != static_cast<int>(state().length) || count != last) unchanged_since = now;
      last = count;
      if (now - unchanged_since >= settled_after || now >= deadline) return;
      std::this_thread::sleep_for(between_counts);
    }
  }

  SocketAddress address_;
  UniqueFd listener_;
  std::vector<Client> clients_;
};

// Waits until connect has finished. Returns its errno, 0 on success; nullopt if it is still in progress.
std::optional<int> wait_for_connect(int fd, base::Duration limit) {
  pollfd polled{.fd = fd, .events = POLLOUT, .revents = 0};
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  if (::poll(&polled, 1, static_cast<int>(milliseconds)) <= 0) return std::nullopt;
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace

ProbeRow probe_backlog(int backlog) {
  ProbedQueue queue(backlog);
  queue.fill();
  const auto state = queue.state();
  return {.backlog = backlog,
          .in_effect = state.limit,
          .started = queue.started(),
          .queued = queue.count_acknowledged(),
          .queued_by_tcp_info = static_cast<int>(state.length)};
}

FullQueue probe_full_queue(int backlog) {
  ProbedQueue queue(backlog);
  queue.fill();
  queue.close_unconnected();  // otherwise they would take the place that becomes free

  FullQueue full{.backlog = backlog};
  const auto began = base::Clock::now();
  const int client = queue.start_client();
  const auto early = wait_for_connect(client, watch_for_reset);
  const UniqueFd accepted = queue.accept();
  const auto freed = base::Clock::now();
  full.before_free = freed - began;
  const auto error = early ? early : wait_for_connect(client, longest_wait_for_place);
  full.after_free = base::Clock::now() - freed;
  full.error = error.value_or(0);
  full.let_in_at_once = early == 0;
  full.got_in = error == 0;
  full.retransmitted_syns = kernel::retransmitted_segments(client);
  return full;
}

}  // namespace tcpserver::backlog
