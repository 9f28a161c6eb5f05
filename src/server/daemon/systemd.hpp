#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/unique_fd.hpp"
#include "tcpserver/server/bounded_text.hpp"

#include <cstdint>
#include <optional>

namespace tcpserver::server {

// What the service manager shows of a running service.
using ServiceStatus = BoundedText<320>;

// Tells a service manager how the server is, by the protocol of sd_notify(3): datagrams to the socket that
// NOTIFY_SOCKET names. Where it names none, or in a portable build, nobody is told. Nothing here waits,
// allocates or fails: what a manager does not take now it is told again a second later.
class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  ServiceManager() noexcept;

  [[nodiscard]] bool listens() const noexcept;

  // The service accepts clients, from the start or again after a reload.
  void say_ready() noexcept;
  void say_reloading() noexcept;
  // The end has begun, and may last so long.
  void say_stopping(posix::Duration at_most) noexcept;

  // After each wait: shows that the server lives, where a watchdog wants to know. True where a status is due;
  // then say_status is to be called. Once a second at most, so that no connection costs a system call.
  // `events`: how much has happened so far, a number that grows with everything that changes the status.
  [[nodiscard]] bool wants_status(posix::TimePoint now, std::uint64_t events) noexcept;
  void say_status(const ServiceStatus& status) noexcept;

  // No wait should be longer than until then.
  [[nodiscard]] std::optional<posix::TimePoint> due(std::uint64_t events) const noexcept;

 private:
  using Message = BoundedText<96>;
  [[nodiscard]] bool send(const char* text, std::size_t size) noexcept;
  void say(const Message& state) noexcept;

  posix::UniqueFd socket_;
  std::optional<posix::Duration> between_signs_of_life_;
  posix::TimePoint next_sign_of_life_{};
  posix::TimePoint next_status_{};
  std::uint64_t told_events_ = UINT64_MAX;  // so that there is a status from the start
  ServiceStatus told_;
  Message state_;  // the last of ready, reloading, stopping
  bool state_is_told_ = true;
  bool status_is_told_ = true;
};

}  // namespace tcpserver::server
