#pragma once

#include "tcpserver/base/socket_address.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// TCP sockets as /proc/net/tcp and tcp6 show them (proc_pid_net(5)), and the limit of the privileged ports.
namespace tcpserver::kernel {

struct TcpTableEntry {
  base::SocketAddress local;
  unsigned state = 0;               // as in the kernel's net/tcp_states.h
  std::uint32_t receive_queue = 0;  // bytes to be read; of a listener: connections that wait for accept
  std::uint64_t inode = 0;          // links the socket to the descriptors in /proc/PID/fd
};

inline constexpr unsigned tcp_state_syn_recv = 3;
inline constexpr unsigned tcp_state_listen = 10;  // shown as 0A

// One line of /proc/net/tcp or tcp6. nullopt for the heading and for what does not parse.
[[nodiscard]] std::optional<TcpTableEntry> parse_tcp_table_line(std::string_view line);

// The sockets of this network namespace that have this local port: listeners first, then those that a process
// has, then those that only the kernel has (TIME_WAIT; inode 0). The kernel's table leaves out sockets that
// are bound but neither listen nor are connected.
[[nodiscard]] std::vector<TcpTableEntry> sockets_of_port(std::uint16_t port);

// Ports below this one take a privilege to bind: net.ipv4.ip_unprivileged_port_start (ip(7)), usually 1024.
[[nodiscard]] unsigned first_unprivileged_port();

}  // namespace tcpserver::kernel
