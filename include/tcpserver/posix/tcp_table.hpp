#pragma once

#include "tcpserver/posix/socket_address.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The kernel's table of TCP sockets. Linux tells it in /proc/net/tcp and /proc/net/tcp6 (proc_net(5));
// elsewhere it is not known, and the lists are empty.
namespace tcpserver::posix {

struct TcpTableEntry {
  SocketAddress local;
  unsigned state = 0;       // as in the kernel's net/tcp_states.h
  std::uint64_t inode = 0;  // links the socket to the descriptors in /proc/PID/fd
};

inline constexpr unsigned tcp_state_listen = 10;  // TCP_LISTEN, shown as 0A

// One line of /proc/net/tcp or tcp6. Nothing for the heading and for what does not parse.
[[nodiscard]] std::optional<TcpTableEntry> parse_tcp_table_line(std::string_view line);

// Every listening socket of this network namespace on this port.
[[nodiscard]] std::vector<TcpTableEntry> listening_sockets(std::uint16_t port);

// A process that holds a socket open.
struct SocketOwner {
  pid_t pid = 0;
  std::string name;  // the command name, at most 15 bytes (proc_pid_comm(5)); unprintable bytes shown as '?'
};

// The process with the lowest pid that has the socket open. Nothing where /proc does not tell: another
// user's process seen without privilege, another pid namespace, another system.
[[nodiscard]] std::optional<SocketOwner> socket_owner(std::uint64_t inode);

}  // namespace tcpserver::posix
