#include "server/daemon/systemd.hpp"

#include "tcpserver/base/values.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace tcpserver::server {

namespace {

constexpr auto between_statuses = std::chrono::seconds(1);

// A socket that is connected to the manager's. Abstract names, which begin with @ here, are Linux's own
// (unix(7)).
base::UniqueFd connect_to_manager() noexcept {
  const char* const name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr || (name[0] != '/' && name[0] != '@')) return {};
  sockaddr_un address{};
  const std::size_t length = std::strlen(name);
  if (length >= sizeof address.sun_path) return {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name, length);
  if (name[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
  return fd;
}

// Half of what the watchdog allows, as sd_watchdog_enabled(3) recommends.
std::optional<base::Duration> watchdog_interval() noexcept {
  const char* const text = std::getenv("WATCHDOG_USEC");
  if (text == nullptr) return std::nullopt;
  const char* const pid = std::getenv("WATCHDOG_PID");
  if (pid != nullptr && base::parse_count(pid, 1, INT32_MAX) != static_cast<std::uint64_t>(::getpid())) {
    return std::nullopt;
  }
  constexpr auto longest = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(base::longest_duration).count());
  const auto number = base::parse_count(text, 1, longest);
  if (!number) return std::nullopt;
  constexpr base::Duration often_enough = std::chrono::milliseconds(10);
  return std::max<base::Duration>(std::chrono::microseconds(*number) / 2, often_enough);
}

}  // namespace

SystemdNotifier::SystemdNotifier() noexcept : socket_(connect_to_manager()) {
  if (socket_) between_signs_of_life_ = watchdog_interval();
}

bool SystemdNotifier::listens() const noexcept {
  return static_cast<bool>(socket_);
}

bool SystemdNotifier::send(const char* text, std::size_t size) noexcept {
  return !socket_ ||
         ::send(socket_.get(), text, size, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(size);
}

void SystemdNotifier::notify(const Message& state) noexcept {
  state_ = state;
  state_is_told_ = send(state_.c_str(), state_.size());
}

void SystemdNotifier::notify_ready() noexcept {
  Message text;
  text.append("READY=1");
  notify(text);
}

void SystemdNotifier::notify_reloading() noexcept {
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(base::Clock::now().time_since_epoch());
  Message text;
  text.append("RELOADING=1\nMONOTONIC_USEC=%lld", static_cast<long long>(now.count()));
  notify(text);
}

void SystemdNotifier::notify_stopping(base::Duration at_most) noexcept {
  const auto limit = std::chrono::duration_cast<std::chrono::microseconds>(at_most);
  Message text;
  text.append("STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", static_cast<long long>(limit.count()));
  notify(text);
}

bool SystemdNotifier::wants_status(base::TimePoint now, std::uint64_t events) noexcept {
  if (!socket_) return false;
  if (between_signs_of_life_ && now >= next_sign_of_life_) {
    constexpr std::string_view alive = "WATCHDOG=1";
    static_cast<void>(send(alive.data(), alive.size()));  // the next comes soon
    next_sign_of_life_ = now + *between_signs_of_life_;
  }
  if (now < next_status_) return false;
  next_status_ = now + between_statuses;
  told_events_ = events;
  if (!state_is_told_) notify(Message(state_));
  return true;
}

void SystemdNotifier::notify_status(const ServiceStatus& status) noexcept {
  if (status_is_told_ && std::string_view(status.c_str()) == told_.c_str()) return;
  told_ = status;
  base::BoundedText<ServiceStatus::capacity + 8> text;
  text.append("STATUS=%s", status.c_str());
  status_is_told_ = send(text.c_str(), text.size());
}

std::optional<base::TimePoint> SystemdNotifier::due(std::uint64_t events) const noexcept {
  std::optional<base::TimePoint> next;
  if (socket_ && (events != told_events_ || !state_is_told_ || !status_is_told_)) next = next_status_;
  if (between_signs_of_life_ && (!next || next_sign_of_life_ < *next)) next = next_sign_of_life_;
  return next;
}

}  // namespace tcpserver::server
