#include "tcpserver/backlog/port_observer.hpp"
#include "tcpserver/backlog/sock_diag_linux.hpp"
#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/kernel_tcp.hpp"
#include "tcpserver/posix/system_error.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace tcpserver::backlog {

namespace {

// The kernel has the reply ready when the request was sent, so this ends no healthy wait.
constexpr auto longest_wait = std::chrono::seconds(2);

posix::UniqueFd open_diagnosis() {
  posix::UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const bool short_of = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
  if (!fd && short_of) throw posix::system_error("ask the kernel for its listening sockets");
  const timeval limit = posix::to_timeval(longest_wait);
  if (fd) static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  return fd;
}

// One dump. False where the kernel gave no whole answer.
bool ask(int fd, int family, std::uint16_t port, PortObserver::Look what, PortPicture& picture) {
  const auto request = sock_diag_request(family, port, what);
  const auto sent = ::send(fd, request.data(), request.size(), 0);
  if (sent != static_cast<ssize_t>(request.size())) return false;
  for (;;) {
    std::array<char, 32768> datagram;  // the kernel fills at most this much (net/netlink/af_netlink.c)
    const auto got = ::recv(fd, datagram.data(), datagram.size(), MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || static_cast<std::size_t>(got) > datagram.size()) return false;
    const auto reply = read_sock_diag({datagram.data(), static_cast<std::size_t>(got)}, port, picture);
    if (reply == DiagReply::failed) return false;
    if (reply == DiagReply::done) return true;
  }
}

PortPicture picture_from_proc(std::uint16_t port) {
  PortPicture picture;
  for (const auto& socket : posix::sockets_of_port(port)) {
    if (socket.state == posix::tcp_state_syn_recv) ++picture.half_open;
    if (socket.state != posix::tcp_state_listen) continue;
    picture.listeners.push_back({.local = socket.local,
                                 .inode = socket.inode,
                                 .length = socket.receive_queue,
                                 .limit = std::nullopt,
                                 .dropped = std::nullopt});
  }
  return picture;
}

}  // namespace

PortObserver::PortObserver(std::uint16_t port) : port_(port), diagnosis_(open_diagnosis()) {}

PortPicture PortObserver::look(Look what) {
  if (!diagnosis_) return picture_from_proc(port_);
  PortPicture picture;
  if (ask(diagnosis_.get(), AF_INET, port_, what, picture) &&
      ask(diagnosis_.get(), AF_INET6, port_, what, picture)) {
    return picture;
  }
  // A reply in the middle of which something broke would be taken for the next one's beginning.
  diagnosis_ = {};
  diagnosis_ = open_diagnosis();
  return picture_from_proc(port_);
}

}  // namespace tcpserver::backlog
