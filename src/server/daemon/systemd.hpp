#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <cstdint>
#include <optional>

namespace tcpserver::server {

// What the service manager shows of a running service.
using ServiceStatus = base::BoundedText<320>;

// Tells a service manager how the server is, by the protocol of sd_notify(3): datagrams to the socket that
// NOTIFY_SOCKET names. Where it names none, nobody is told. Nothing here waits,
// allocates or fails: what a manager does not take now it is told again a second later.
class SystemdNotifier {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  SystemdNotifier() noexcept;

  [[nodiscard]] bool listens() const noexcept;

  // The service accepts clients, from the start or again after a reload.
  void notify_ready() noexcept;
  void notify_reloading() noexcept;
  // The end has begun, and may last so long.
  void notify_stopping(base::Duration at_most) noexcept;

  // After each wait: shows that the server lives, where a watchdog wants to know. True where a status is due;
  // then notify_status is to be called. Once a second at most, so that no connection costs a system call.
  // `events`: how much has happened so far, a number that grows with everything that changes the status.
  [[nodiscard]] bool wants_status(base::TimePoint now, std::uint64_t events) noexcept;
  void notify_status(const ServiceStatus& status) noexcept;

  // No wait should be longer than until then.
  [[nodiscard]] std::optional<base::TimePoint> due(std::uint64_t events) const noexcept;

 private:
  using Message = base::BoundedText<96>;
  [[nodiscard]] bool send(const char* text, std::size_t size) noexcept;
  void notify(const Message& state) noexcept;

  base::UniqueFd socket_;
  std::optional<base::Duration> between_signs_of_life_;
  base::TimePoint next_sign_of_life_{};
  base::TimePoint next_status_{};
  std::uint64_t told_events_ = UINT64_MAX;  // so that there is a status from the start
  ServiceStatus told_;
  Message state_;  // the last of ready, reloading, stopping
  bool state_is_told_ = true;
  bool status_is_told_ = true;
};

}  // namespace tcpserver::server
