#include "tcpserver/server/listen/listeners.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/kernel/socket_facts.hpp"

#include "server/listen/listener.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace tcpserver::server {

Listeners::Listeners(const ServerOptions& options, Log& log) : log_(log) {
  if (const int inherited = count_inherited_sockets(); inherited > 0) {
    inherit(inherited, options);
  } else {
    listeners_ = open_listeners(options, log);
  }
  std::vector<std::uint16_t> ports;
  for (const auto& listener : listeners_) {
    const auto port = listener.address.port();
    if (std::find(ports.begin(), ports.end(), port) != ports.end()) continue;
    ports_.append(ports.empty() ? " " : ", ").append(std::to_string(port));
    ports.push_back(port);
  }
  ports_.insert(0, ports.size() == 1 ? "port" : "ports");
}

void Listeners::inherit(int count, const ServerOptions& options) {
  listeners_ = inherit_listeners(count, options.idle_timeout);
  const auto queue = kernel::accept_queue(listeners_.front().fd.get());
  inherited_backlog_ = queue ? static_cast<int>(queue->limit) : SOMAXCONN;
  for (const auto& listener : listeners_) {
    if (options.backlog && ::listen(listener.fd.get(), backlog(options)) != 0) {
      throw base::system_error("set the backlog of an inherited socket");
    }
  }
  const auto addresses = format_addresses();
  log_.info({"sockets_inherited", {{"listeners", addresses.c_str()}}},
            "listening on %s, inherited from the service manager; --port and --bind are ignored",
            addresses.c_str());
}

std::string Listeners::format_addresses() const {
  std::string addresses;
  for (const auto& listener : listeners_) {
    if (listener.fd) addresses.append(addresses.empty() ? "" : ", ").append(listener.address.text());
  }
  return addresses;
}

int Listeners::backlog(const ServerOptions& options) const noexcept {
  if (backlog_is_inherited(options)) return *inherited_backlog_;
  return choose_backlog(options.backlog, SOMAXCONN);
}

bool Listeners::apply(const ServerOptions& old_options, const ServerOptions& new_options) noexcept {
  const int new_backlog = backlog(new_options);
  const bool backlog_differs = new_options.backlog != old_options.backlog;
  const bool timeout_differs = new_options.idle_timeout != old_options.idle_timeout;
  for (const auto& listener : listeners_) {
    if (!listener.fd) continue;
    const int fd = listener.fd.get();
    if ((!backlog_differs || ::listen(fd, new_backlog) == 0) &&
        (!timeout_differs || set_timeouts(fd, new_options.idle_timeout)))
      continue;
    char address[base::SocketAddress::text_size];
    const int error = errno;
    const char* const text = listener.address.format(address);
    log_.warning({"listener_error", {{"listener", text}, {"errno", base::errno_name(error)}}},
                 "reload: cannot update listener %s: %s", text, std::strerror(error));
  }
  return backlog_differs;
}

void Listeners::log_backlog(const ServerOptions& options) noexcept {
  const auto open = std::find_if(listeners_.begin(), listeners_.end(),
                                 [](const Listener& listener) { return static_cast<bool>(listener.fd); });
  if (open == listeners_.end()) return;
  try {
    const auto kernel = kernel::kernel_limits(open->fd.get());
    const auto addresses = format_addresses();
    if (backlog_is_inherited(options)) {
      if (kernel.in_effect)
        log_.info(
            {"backlog",
             {{"listeners", addresses.c_str()}, {"limit", *kernel.in_effect}, {"source", "service manager"}}},
            "listen queue: %u (set by the service manager)", *kernel.in_effect);
      return;
    }
    const auto limit = kernel.in_effect.value_or(static_cast<std::uint32_t>(backlog(options)));
    const char* const source = options.backlog ? options.backlog->source.c_str() : "default";
    log_.info({"backlog", {{"listeners", addresses.c_str()}, {"limit", limit}, {"source", source}}}, "%s",
              describe_backlog(options.backlog, kernel, SOMAXCONN).c_str());
  } catch (const std::bad_alloc&) {
    log_.warning(LogEvent{"out_of_memory"}, "out of memory: cannot log the length of the listen queue");
  }
}

void Listeners::close_one(std::size_t index) noexcept {
  listeners_[index].fd.reset();
}

bool Listeners::closed() const noexcept {
  return std::none_of(listeners_.begin(), listeners_.end(),
                      [](const Listener& listener) { return static_cast<bool>(listener.fd); });
}

}  // namespace tcpserver::server
