#include "load/dialler.hpp"

#include "tcpserver/base/system_error.hpp"

#include "load/source_port.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace tcpserver::load {

namespace {

using base::SocketAddress;

// 127.0.0.0/8: each of its addresses is this machine's (RFC 1122, section 3.2.1.3).
bool is_loopback_v4(const SocketAddress& address) {
  return address.family() == AF_INET && address.bytes().front() == 127;
}

Fault last_fault() {
  return {.kind = kind_of_errno(errno), .error = errno};
}

}  // namespace

Dialler::Dialler(std::vector<SocketAddress> addresses, std::uint32_t sources)
    : addresses_(std::move(addresses)) {
  if (sources == 0) return;
  const std::string first = addresses_.front().host_text();
  // A name such as localhost has an IPv6 address beside.
  std::erase_if(addresses_, [](const SocketAddress& address) { return !is_loopback_v4(address); });
  if (addresses_.empty()) {
    throw base::StartError(
        base::ExitStatus::usage,
        "--sources: " + first + " is not in 127.0.0.0/8, the loopback addresses of which it takes several");
  }
  for (std::uint32_t i = 1; i <= sources; ++i) {
    sources_.push_back(*SocketAddress::parse("127.0.0." + std::to_string(i), 0));
  }
}

std::optional<Fault> Dialler::dial(Connection& connection) const {
  const auto& server = address();
  connection.fd = base::UniqueFd(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!connection.fd) return last_fault();
  if (!sources_.empty()) {
    const auto& source = sources_[(connection.number - 1) % sources_.size()];
    choose_port_at_connect(connection.fd.get());
    if (::bind(connection.fd.get(), source.get(), source.size()) != 0) return last_fault();
  }
  if (::connect(connection.fd.get(), server.get(), server.size()) == 0 || errno == EINPROGRESS) return {};
  return last_fault();
}

}  // namespace tcpserver::load
