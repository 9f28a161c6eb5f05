#include "kernel/diagnosis.hpp"

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/system_error.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace tcpserver::kernel {

namespace {

// The kernel has the reply ready when the request was sent, so this ends no healthy wait.
constexpr auto longest_wait_for_answer = std::chrono::seconds(2);

}  // namespace

base::UniqueFd open_diagnosis() {
  base::UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const bool short_of = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
  if (!fd && short_of) throw base::system_error("ask the kernel for its listening sockets");
  const timeval limit = base::to_timeval(longest_wait_for_answer);
  if (fd) static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  return fd;
}

bool ask_diagnosis(int fd, std::string_view request,
                   const std::function<DiagReply(std::string_view datagram)>& read) {
  const auto sent = ::send(fd, request.data(), request.size(), 0);
  if (sent != static_cast<ssize_t>(request.size())) return false;
  for (;;) {
    std::array<char, 32768> datagram;  // the kernel fills at most this much (net/netlink/af_netlink.c)
    const auto got = ::recv(fd, datagram.data(), datagram.size(), MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || static_cast<std::size_t>(got) > datagram.size()) return false;
    const auto reply = read({datagram.data(), static_cast<std::size_t>(got)});
    if (reply == DiagReply::failed) return false;
    if (reply == DiagReply::done) return true;
  }
}

}  // namespace tcpserver::kernel
