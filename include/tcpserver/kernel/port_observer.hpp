#pragma once

#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace tcpserver::kernel {

// A listening socket of this network namespace, whoever has it.
struct ObservedListener {
  base::SocketAddress local;
  std::uint64_t inode = 0;               // for find_socket_owner
  std::uint32_t length = 0;              // connections that wait for accept
  std::optional<std::uint32_t> limit;    // the backlog in effect; one more may wait. Nothing: not told
  std::optional<std::uint32_t> dropped;  // segments that it dropped since it was made. Nothing: not told
};

struct PortPicture {
  std::vector<ObservedListener> listeners;
  std::uint64_t half_open = 0;  // connections of this port in SYN_RECV: the SYN queue
};

// Looks at the listeners of one port again and again. On Linux it asks sock_diag(7), as ss(8) does, which
// takes no privilege; where the kernel has none, it reads /proc/net/tcp and tcp6, which tell neither limit
// nor drops.
class PortObserver {
 public:
  enum class Look {
    listeners_only,  // cheap on a machine with many connections
    with_half_open
  };

  // Throws StartError (system) where descriptors or memory are short: that must not look like an empty port.
  explicit PortObserver(std::uint16_t port);

  [[nodiscard]] PortPicture look(Look what);

 private:
  std::uint16_t port_;
  base::UniqueFd diagnosis_;  // empty: there is no sock_diag
};

}  // namespace tcpserver::kernel
