#pragma once

#include "tcpserver/base/mapping.hpp"
#include "tcpserver/base/socket_address.hpp"

#include <cstdint>
#include <memory>

namespace tcpserver::server {

// What --max-per-host takes for one host: an IPv4 address; or an IPv6 /64, since a single machine may take
// any of its network's addresses (RFC 4291, section 2.5.4; RFC 8981). Of link-local addresses, fe80::/64 on
// every network, the interface is a part of it. An IPv4 address in IPv6's clothes (::ffff:a.b.c.d) is the
// IPv4 one.
struct Host {
  std::uint64_t network = 0;
  std::uint32_t scope = 0;
  bool is_ipv4 = false;

  [[nodiscard]] static Host of(const base::SocketAddress& address) noexcept;
  friend bool operator==(const Host&, const Host&) = default;
};

// How many sessions each host has open. Each step is O(1) and allocates nothing, and nobody can choose
// addresses that make it slow: the hash is seeded at random. Its memory is hidden from the children.
class HostTable {
 public:
  // Names a host for as long as it has sessions.
  using Entry = std::uint32_t;

  // For so many hosts, that is sessions, at a time. Throws StartError where the memory cannot be had.
  explicit HostTable(std::uint32_t capacity);

  // At least so many from now on. Entries keep their names. Throws StartError; nothing has changed then.
  void reserve(std::uint32_t capacity);

  [[nodiscard]] std::uint32_t sessions_of(const Host& host) const noexcept;

  // One session more of this host. Fewer than the capacity must be open.
  [[nodiscard]] Entry enter(const Host& host) noexcept;

  // One session less.
  void leave(Entry entry) noexcept;

 private:
  using Link = std::uint32_t;  // an entry plus 1, so that zeroed memory is empty lists

  struct Node {
    Host host;
    std::uint32_t sessions;
    Link link;  // the next of its chain, or of the free ones
  };
  struct Memory {
    explicit Memory(std::uint32_t capacity);
    std::uint32_t capacity;
    std::uint32_t chain_mask;  // the number of chains, a power of two, less 1
    base::Mapping mapping;
    Node* nodes;
    Link* chains;
  };

  [[nodiscard]] Link& chain_of(const Host& host) const noexcept;
  [[nodiscard]] Link find(const Host& host) const noexcept;

  std::uint64_t seed_;
  std::uint32_t used_ = 0;  // nodes from here on were never used
  Link free_ = 0;
  std::unique_ptr<Memory> memory_;
};

}  // namespace tcpserver::server
