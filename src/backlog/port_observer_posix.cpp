#include "tcpserver/backlog/port_observer.hpp"

namespace tcpserver::backlog {

PortObserver::PortObserver(std::uint16_t port) : port_(port) {}

PortPicture PortObserver::look(Look) {
  static_cast<void>(port_);
  return {};
}

}  // namespace tcpserver::backlog
