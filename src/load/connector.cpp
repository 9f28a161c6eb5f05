#include "load/connector.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/client/connection_engine.hpp"

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

}  // namespace

Connector::Connector(std::vector<SocketAddress> addresses, std::uint32_t sources)
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

std::optional<Fault> Connector::connect(Connection& connection) const {
  connection.fd = client::open_socket(address());
  if (!connection.fd) return fault_from_errno(errno);
  const auto* source = sources_.empty() ? nullptr : &sources_[(connection.number - 1) % sources_.size()];
  const int error = client::start_connect(connection.fd.get(), address(), source);
  return error == 0 ? std::nullopt : std::optional(fault_from_errno(error));
}

}  // namespace tcpserver::load
