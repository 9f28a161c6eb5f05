#include "tcpserver/base/socket_address.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace tcpserver::base {

namespace {

// Returns the index of an interface, given by name or number; 0 with errno if there is no such interface. A
// sandbox may forbid the check of a number, which is accepted then.
std::uint32_t parse_scope(const std::string& scope) {
  if (const unsigned index = if_nametoindex(scope.c_str()); index != 0) return index;
  const int error = errno;
  const auto number = parse_number<std::uint32_t>(scope).value_or(0);
  char name[IF_NAMESIZE];
  if (number != 0 && (if_indextoname(number, name) != nullptr || errno != ENXIO)) return number;
  errno = number == 0 ? error : ENODEV;
  return 0;
}

// RFC 4007, section 6: other addresses need no interface.
bool takes_scope(int family, const in6_addr& bytes) noexcept {
  return family == AF_INET6 && (IN6_IS_ADDR_LINKLOCAL(&bytes) || IN6_IS_ADDR_MC_LINKLOCAL(&bytes));
}

// Linux allows nearly any byte in an interface name, but addresses are printed on terminals and in logs, JSON
// and metrics. A name of digits only would look like the index of another interface.
bool is_plain_name(std::string_view name) noexcept {
  constexpr std::string_view digits = "0123456789";
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@";
  return name.find_first_not_of(allowed) == std::string_view::npos &&
         name.find_first_not_of(digits) != std::string_view::npos;
}

void format_host(const SocketAddress& address, char* buffer, std::size_t size) noexcept {
  const auto scope = address.scope();
  buffer[0] = '\0';
  inet_ntop(address.family(), address.bytes().data(), buffer, static_cast<socklen_t>(size));
  if (scope == 0) return;
  char name[IF_NAMESIZE] = {};
  const std::size_t used = std::strlen(buffer);
  if (if_indextoname(scope, name) != nullptr && is_plain_name(name)) {
    std::snprintf(buffer + used, size - used, "%%%s", name);
  } else {
    std::snprintf(buffer + used, size - used, "%%%u", scope);
  }
}

}  // namespace

SocketAddress::SocketAddress() noexcept {
  std::memset(&address_, 0, sizeof address_);
  address_.v4.sin_family = AF_INET;
}

SocketAddress SocketAddress::any(int family, std::uint16_t port) noexcept {
  SocketAddress result;
  result.address_.any.sa_family = static_cast<sa_family_t>(family);
  result.set_port(port);
  return result;
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view address, std::uint16_t port) {
  const auto percent = address.find('%');
  const std::string host(address.substr(0, percent));
  const int family = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  in6_addr bytes;  // large enough for an IPv4 address, too
  const bool has_nul = host.size() != std::strlen(host.c_str());
  if (has_nul || inet_pton(family, host.c_str(), &bytes) != 1) return std::nullopt;
  if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&bytes)) return std::nullopt;
  if (percent == std::string_view::npos) return from_bytes(family, &bytes, port);
  if (!takes_scope(family, bytes)) return std::nullopt;
  const auto scope = parse_scope(std::string(address.substr(percent + 1)));
  return scope != 0 ? from_bytes(family, &bytes, port, scope) : std::nullopt;
}

std::optional<std::string> SocketAddress::find_zone_error(std::string_view address) {
  const auto percent = address.find('%');
  if (percent == std::string_view::npos) return std::nullopt;
  const auto plain = parse(address.substr(0, percent), 0);
  if (!plain) return std::nullopt;
  if (plain->family() == AF_INET) return "an IPv4 address takes no %INTERFACE";
  if (!takes_scope(plain->family(), plain->address_.v6.sin6_addr)) {
    return "only a link-local address (fe80::/10) takes an %INTERFACE";
  }
  const auto scope = address.substr(percent + 1);
  if (scope.empty()) return "the interface after % is missing, as in " + plain->host_text() + "%eth0";
  if (parse_scope(std::string(scope)) != 0) return std::nullopt;
  if (errno != ENODEV) return "cannot find the interface: " + error_text(errno);
  return "no such interface " + quote(scope) + "; 'ip link' lists them";
}

std::optional<SocketAddress> SocketAddress::from(const sockaddr* address) noexcept {
  SocketAddress result;
  if (address->sa_family == AF_INET) {
    std::memcpy(&result.address_.v4, address, sizeof(sockaddr_in));
  } else if (address->sa_family == AF_INET6) {
    std::memcpy(&result.address_.v6, address, sizeof(sockaddr_in6));
  } else {
    return std::nullopt;
  }
  return result;
}

std::optional<SocketAddress> SocketAddress::from_bytes(int family, const void* bytes, std::uint16_t port,
                                                       std::uint32_t scope) noexcept {
  SocketAddress result = any(family, port);
  if (family == AF_INET) {
    std::memcpy(&result.address_.v4.sin_addr, bytes, sizeof(in_addr));
  } else if (family == AF_INET6) {
    std::memcpy(&result.address_.v6.sin6_addr, bytes, sizeof(in6_addr));
    result.address_.v6.sin6_scope_id = scope;
  } else {
    return std::nullopt;
  }
  return result;
}

SocketAddress SocketAddress::unmapped() const noexcept {
  if (family() != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address_.v6.sin6_addr)) return *this;
  return *from_bytes(AF_INET, bytes().data() + sizeof(in6_addr) - sizeof(in_addr), port());
}

std::uint16_t SocketAddress::port() const noexcept {
  return ntohs(family() == AF_INET6 ? address_.v6.sin6_port : address_.v4.sin_port);
}

void SocketAddress::set_port(std::uint16_t port) noexcept {
  (family() == AF_INET6 ? address_.v6.sin6_port : address_.v4.sin_port) = htons(port);
}

bool SocketAddress::is_wildcard() const noexcept {
  return bytes().find_first_not_of('\0') == std::string_view::npos;
}

bool SocketAddress::is_multicast() const noexcept {
  if (family() == AF_INET6) return IN6_IS_ADDR_MULTICAST(&address_.v6.sin6_addr);
  return IN_MULTICAST(ntohl(address_.v4.sin_addr.s_addr));
}

bool SocketAddress::needs_scope() const noexcept {
  return family() == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address_.v6.sin6_addr) && scope() == 0;
}

std::uint32_t SocketAddress::scope() const noexcept {
  return family() == AF_INET6 ? address_.v6.sin6_scope_id : 0;
}

std::string_view SocketAddress::bytes() const noexcept {
  if (family() == AF_INET6) {
    return {reinterpret_cast<const char*>(&address_.v6.sin6_addr), sizeof(in6_addr)};
  }
  return {reinterpret_cast<const char*>(&address_.v4.sin_addr), sizeof(in_addr)};
}

socklen_t SocketAddress::size() const noexcept {
  return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

std::string SocketAddress::host_text() const {
  char buffer[text_size];
  format_host(*this, buffer, sizeof buffer);
  return buffer;
}

std::string SocketAddress::text() const {
  char buffer[text_size];
  return format(buffer);
}

const char* SocketAddress::format(char (&buffer)[text_size]) const noexcept {
  char host[text_size - sizeof "[]:65535"];
  format_host(*this, host, sizeof host);
  std::snprintf(buffer, sizeof buffer, family() == AF_INET6 ? "[%s]:%u" : "%s:%u", host, port());
  return buffer;
}

bool operator==(const SocketAddress& left, const SocketAddress& right) noexcept {
  return left.family() == right.family() && left.port() == right.port() && left.bytes() == right.bytes() &&
         left.scope() == right.scope();
}

}  // namespace tcpserver::base
