#pragma once

#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tcpserver::server {

struct Listener {
  base::UniqueFd fd;  // non-blocking
  base::SocketAddress address;
};

// Returns how many listening sockets a service manager has passed to this process (sd_listen_fds(3):
// LISTEN_FDS, LISTEN_PID); 0 if none. Throws StartError (usage) if a variable is not a number.
[[nodiscard]] int count_inherited_sockets();

// The listening sockets of the server: bound here, or taken over from a service manager.
class Listeners {
 public:
  // Throws StartError if an address is not available, or for an inherited descriptor that is no listening TCP
  // socket. `log` must outlive this object.
  Listeners(const ServerOptions& options, Log& log);

  // Empty after close(). A listener that failed has no descriptor.
  [[nodiscard]] std::span<const Listener> all() const noexcept { return listeners_; }

  // "port 80", or "ports 80, 8080".
  [[nodiscard]] const std::string& ports() const noexcept { return ports_; }

  // The backlog for listen(2), with these options.
  [[nodiscard]] int backlog(const ServerOptions& options) const noexcept;

  // Returns true if the service manager chose it.
  [[nodiscard]] bool backlog_is_inherited(const ServerOptions& options) const noexcept {
    return inherited_backlog_ && !options.backlog;
  }

  // Applies the backlog and the idle timeout of the new options where they differ. Connections that are
  // queued or served keep what they have. Logs failures. Returns true if the backlog differs.
  bool apply(const ServerOptions& old_options, const ServerOptions& new_options) noexcept;

  // Logs the backlog: who asked for it, and what the kernel made of it.
  void log_backlog(const ServerOptions& options) noexcept;

  // Closes a listener that cannot accept any more. It would otherwise queue clients again after listen(2).
  void give_up(std::size_t index) noexcept;

  // Closes all: the ports are free for a successor, and queued clients are reset.
  void close() noexcept { listeners_.clear(); }

  // True if no listener is open.
  [[nodiscard]] bool closed() const noexcept;

 private:
  void inherit(int count, const ServerOptions& options);

  Log& log_;
  std::vector<Listener> listeners_;
  std::optional<int> inherited_backlog_;  // what the service manager asked listen(2) for
  std::string ports_;
};

}  // namespace tcpserver::server
