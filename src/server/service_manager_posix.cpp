#include "tcpserver/server/service_manager.hpp"

namespace tcpserver::server {

ServiceManager::ServiceManager() noexcept = default;

bool ServiceManager::listens() const noexcept {
  return false;
}
void ServiceManager::say_ready() noexcept {}
void ServiceManager::say_reloading() noexcept {}
void ServiceManager::say_stopping(posix::Duration) noexcept {}
bool ServiceManager::wants_status(posix::TimePoint, std::uint64_t) noexcept {
  return false;
}
void ServiceManager::say_status(const ServiceStatus&) noexcept {}
std::optional<posix::TimePoint> ServiceManager::due(std::uint64_t) const noexcept {
  return std::nullopt;
}

}  // namespace tcpserver::server
