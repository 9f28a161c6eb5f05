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

// Returns the number of listening sockets that a service manager passed to this process (sd_listen_fds(3):
// LISTEN_FDS, LISTEN_PID); 0 if none. Throws StartError (usage) if a variable is not a number.
[[nodiscard]] int count_inherited_sockets();

// The listening sockets of the server, opened here or inherited from a service manager.
class Listeners {
 public:
  // Throws StartError if an address is not available, or if an inherited descriptor is not a listening TCP
  // socket. `log` must outlive this object.
  Listeners(const ServerOptions& options, Log& log);

  // Empty after close(). A listener that was closed by close_one() has no descriptor.
  [[nodiscard]] std::span<const Listener> all() const noexcept { return listeners_; }

  // "port 80", or "ports 80, 8080".
  [[nodiscard]] const std::string& ports() const noexcept { return ports_; }

  // Returns the backlog for listen(2) with these options.
  [[nodiscard]] int backlog(const ServerOptions& options) const noexcept;

  // Returns true if the service manager set the backlog.
  [[nodiscard]] bool backlog_is_inherited(const ServerOptions& options) const noexcept {
    return inherited_backlog_ && !options.backlog;
  }

  // Applies the idle timeout if it has changed, and the backlog always, because net.core.somaxconn may have
  // been raised. Does not affect connections that are queued or served. Logs a failure. Returns the previous
  // limit of the queue if the limit or --backlog has changed.
  std::optional<std::uint32_t> apply(const ServerOptions& old_options,
                                     const ServerOptions& new_options) noexcept;

  // Logs the backlog in effect and where it comes from. `before` is what apply() returned.
  void log_backlog(const ServerOptions& options, std::optional<std::uint32_t> before = {}) noexcept;

  // Closes a listener that cannot accept any more. Otherwise the next listen(2) would let it queue clients.
  void close_one(std::size_t index) noexcept;

  // Closes all listeners. This frees the ports and resets queued clients.
  void close() noexcept { listeners_.clear(); }

  // Returns true if no listener is open.
  [[nodiscard]] bool closed() const noexcept;

 private:
  void inherit(int count, const ServerOptions& options);
  [[nodiscard]] std::uint32_t queue_limit(const ServerOptions& options) const noexcept;
  // "127.0.0.1:80, [::1]:80": the open listeners.
  [[nodiscard]] std::string format_addresses() const;

  Log& log_;
  std::vector<Listener> listeners_;
  std::optional<int> inherited_backlog_;  // set by the service manager
  std::string ports_;
};

}  // namespace tcpserver::server
