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
constexpr auto longest_settling = std::chrono::seconds(5);  // then the counts are taken as they are
constexpr auto between_counts = std::chrono::milliseconds(5);
// Connections that are started beyond those that any known kernel lets in.
constexpr int beyond_any_rule = 5;
// How long a client of a full queue is watched for a RST.
constexpr auto watch_for_reset = std::chrono::milliseconds(200);

UniqueFd new_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd && (errno == EMFILE || errno == ENFILE)) {
    throw base::system_error("fill the queue, each connection takes a descriptor (ulimit -n)");
  }
  if (!fd) throw base::system_error("make a socket");
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
      throw base::system_error("listen on 127.0.0.1");
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
    // Ends by RST, so that no port stays in TIME_WAIT: thousands are used.
    static_cast<void>(base::set_reset_on_close(client.fd.get(), true));
    if (::connect(client.fd.get(), address_.get(), address_.size()) != 0 && errno != EINPROGRESS) {
      const bool unreachable = errno == ENETUNREACH || errno == EADDRNOTAVAIL;
      const std::string hint =
          unreachable ? " (is the loopback interface up? ip link set lo up; or all ports are taken)" : "";
      throw base::system_error("connect to " + address_.text() + hint);
    }
    clients_.push_back(std::move(client));
    return clients_.back().fd.get();
  }

  // Starts more connections than get in, and waits until the counts stay the same.
  void fill() {
    int wanted = queued_by_berkeley_rule(static_cast<int>(state().limit)) + beyond_any_rule;
    do {
      while (started() < wanted) start_client();
      settle();
      wanted = 2 * started();
    } while (std::all_of(clients_.begin(), clients_.end(), is_established));
  }

  // Established, and the first byte acknowledged: the far side is a real connection, not a promise.
  [[nodiscard]] int acknowledged() const {
    return static_cast<int>(std::count_if(clients_.begin(), clients_.end(), [](const Client& client) {
      return client.established && kernel::unacknowledged_bytes(client.fd.get()).value_or(0) == 0;
    }));
  }

  void close_those_outside() {
    std::erase_if(clients_, [](const Client& client) { return !client.established; });
  }

  [[nodiscard]] UniqueFd accept() {
    return UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

 private:
  struct Client {
    UniqueFd fd;
    bool established = false;  // and its byte is written
  };
  static bool is_established(const Client& client) { return client.established; }

  void look_at_clients() {
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

  void settle() {
    const auto deadline = base::Clock::now() + longest_settling;
    auto unchanged_since = base::Clock::now();
    int last = -1;
    for (;;) {
      look_at_clients();
      const int count = acknowledged();
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

// Waits for the connect of this descriptor. nullopt if it is still in progress.
std::optional<int> connect_error(int fd, base::Duration limit) {
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
          .queued = queue.acknowledged(),
          .counted_otherwise = static_cast<int>(state.length)};
}

FullQueue meet_full_queue(int backlog) {
  ProbedQueue queue(backlog);
  queue.fill();
  queue.close_those_outside();  // or they would take the place that comes free

  FullQueue full{.backlog = backlog};
  const auto began = base::Clock::now();
  const int client = queue.start_client();
  const auto early = connect_error(client, watch_for_reset);
  const UniqueFd accepted = queue.accept();
  const auto freed = base::Clock::now();
  full.before_free = freed - began;
  const auto error = early ? early : connect_error(client, longest_wait_for_place);
  full.after_free = base::Clock::now() - freed;
  full.error = error.value_or(0);
  full.let_in_at_once = early == 0;
  full.got_in = error == 0;
  full.syns_again = kernel::sent_again(client);
  return full;
}

}  // namespace tcpserver::backlog
