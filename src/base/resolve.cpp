#include "tcpserver/base/resolve.hpp"

#include "tcpserver/base/characters.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <memory>
#include <system_error>
#include <thread>

namespace tcpserver::base {

namespace {

StartError lookup_error(ExitStatus status, const std::string& host, const std::string& why) {
  return {status, "cannot resolve " + quote_and_name(host) + ": " + why};
}

std::vector<SocketAddress> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    const std::string why = error == EAI_SYSTEM ? error_text(errno) : ::gai_strerror(error);
    throw lookup_error(error == EAI_AGAIN ? ExitStatus::temp_fail : ExitStatus::no_host, host, why);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (; found != nullptr; found = found->ai_next) {
    auto address = SocketAddress::from(found->ai_addr);
    if (!address) continue;
    address->set_port(port);
    if (std::find(addresses.begin(), addresses.end(), *address) == addresses.end())
      addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace

std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port,
                                   std::optional<TimePoint> deadline) {
  // getaddrinfo would report an unknown name, or accept a number without an interface.
  if (const auto why = SocketAddress::find_zone_error(host)) {
    throw lookup_error(ExitStatus::no_host, host, *why);
  }
  // getaddrinfo has no timeout. So it runs in a thread, which is abandoned after the deadline.
  std::packaged_task<std::vector<SocketAddress>()> task([host, port] { return look_up(host, port); });
  auto answer = task.get_future();
  try {
    std::thread(std::move(task)).detach();
  } catch (const std::system_error& error) {
    throw system_error("start a thread to resolve the host", error.code().value());
  }
  if (deadline && answer.wait_until(*deadline) != std::future_status::ready) {
    throw lookup_error(ExitStatus::temp_fail, host, "timed out");
  }
  return answer.get();
}

}  // namespace tcpserver::base
