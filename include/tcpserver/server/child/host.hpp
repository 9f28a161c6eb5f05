#pragma once

#include "tcpserver/base/socket_address.hpp"

#include <cstdint>

namespace tcpserver::server {

// A host for --max-per-host: an IPv4 address, or an IPv6 /64, because a machine may use any address of its
// network (RFC 4291, section 2.5.4; RFC 8981). Link-local addresses (fe80::/64) include the interface. An
// IPv4-mapped IPv6 address counts as IPv4.
struct Host {
  std::uint64_t network = 0;
  std::uint32_t scope = 0;
  bool is_ipv4 = false;

  [[nodiscard]] static Host from(const base::SocketAddress& address) noexcept;

  // Clients cannot predict the hash if `seed` is random.
  [[nodiscard]] std::uint64_t hash(std::uint64_t seed) const noexcept;

  friend bool operator==(const Host&, const Host&) = default;
};

}  // namespace tcpserver::server
