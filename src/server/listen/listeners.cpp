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

namespace {

bool is_open(const Listener& listener) noexcept {
  return static_cast<bool>(listener.fd);
}

}  // namespace

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

std::uint32_t Listeners::queue_limit(const ServerOptions& options) const noexcept {
  const auto open = std::find_if(listeners_.begin(), listeners_.end(), is_open);
  const auto queue = open == listeners_.end() ? std::nullopt : kernel::accept_queue(open->fd.get());
  return queue ? queue->limit : static_cast<std::uint32_t>(backlog(options));
}

std::optional<std::uint32_t> Listeners::apply(const ServerOptions& old_options,
                                              const ServerOptions& new_options) noexcept {
  const int new_backlog = backlog(new_options);
  const bool backlog_differs = new_options.backlog != old_options.backlog;
  const bool listens_again = backlog_differs || !backlog_is_inherited(new_options);
  const bool timeout_differs = new_options.idle_timeout != old_options.idle_timeout;
  const auto before = queue_limit(old_options);
  const Listener* failed = nullptr;
  int error = 0;
  for (const auto& listener : listeners_) {
    if (!listener.fd) continue;
    const int fd = listener.fd.get();
    if ((!listens_again || ::listen(fd, new_backlog) == 0) &&
        (!timeout_differs || set_timeouts(fd, new_options.idle_timeout)))
      continue;
    error = errno;
    failed = &listener;
  }
  if (failed != nullptr) {
    char address[base::SocketAddress::text_size];
    const char* const text = failed->address.format(address);
    log_.warning({"listener_error", {{"listener", text}, {"errno", base::errno_name(error)}}},
                 "reload: cannot update listener %s: %s", text, std::strerror(error));
  }
  return queue_limit(new_options) != before ? std::optional(before) : std::nullopt;
}

void Listeners::log_backlog(const ServerOptions& options, std::optional<std::uint32_t> before) noexcept {
  const auto open = std::find_if(listeners_.begin(), listeners_.end(), is_open);
  if (open == listeners_.end()) return;
  try {
    const auto kernel = kernel::kernel_limits(open->fd.get());
    const auto addresses = format_addresses();
    const auto limit = queue_limit(options);
    const bool inherited = backlog_is_inherited(options);
    std::string text = describe_backlog(options.backlog, kernel, SOMAXCONN, before);
    if (inherited) {
      text = "listen queue: " + (before ? std::to_string(*before) + " -> " : "") + std::to_string(limit) +
             " (set by the service manager)";
    }
    const char* const source = inherited         ? "service manager"
                               : options.backlog ? options.backlog->source.c_str()
                                                 : "default";
    const LogEvent event{"backlog",
                         {{"listeners", addresses.c_str()},
                          {"limit", limit},
                          {"source", source},
                          before ? LogField("previous_limit", *before) : LogField()}};
    if (before) {
      log_.notice(event, "%s", text.c_str());
    } else {
      log_.info(event, "%s", text.c_str());
    }
  } catch (const std::bad_alloc&) {
    log_.warning(LogEvent{"out_of_memory"}, "out of memory: cannot log the length of the listen queue");
  }
}

void Listeners::close_one(std::size_t index) noexcept {
  listeners_[index].fd.reset();
}

bool Listeners::closed() const noexcept {
  return std::none_of(listeners_.begin(), listeners_.end(), is_open);
}

}  // namespace tcpserver::server
