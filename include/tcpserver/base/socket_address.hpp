#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tcpserver::base {

// An IPv4 or IPv6 address with a port. 28 bytes, copied freely.
class SocketAddress {
 public:
  // Room for any address text, with brackets, scope, port and final zero.
  static constexpr std::size_t text_size = INET6_ADDRSTRLEN + 32;

  SocketAddress() noexcept;  // 0.0.0.0:0

  [[nodiscard]] static SocketAddress any(int family, std::uint16_t port) noexcept;

  // Numeric text only, no names: "127.0.0.1", "::1", "fe80::1%eth0" (scope by interface name or number).
  // nullopt for anything else, and for IPv4-mapped IPv6 (::ffff:a.b.c.d): write the IPv4 address.
  [[nodiscard]] static std::optional<SocketAddress> parse(std::string_view address, std::uint16_t port);

  // From what accept, getsockname or getaddrinfo filled in. nullopt for another family.
  [[nodiscard]] static std::optional<SocketAddress> from(const sockaddr* address) noexcept;

  // From 4 bytes (AF_INET) or 16 (AF_INET6) in network order. nullopt for another family.
  [[nodiscard]] static std::optional<SocketAddress> from_bytes(int family, const void* bytes,
                                                               std::uint16_t port,
                                                               std::uint32_t scope = 0) noexcept;

  // The IPv4 address in an IPv4-mapped IPv6 address (::ffff:a.b.c.d; RFC 4291, section 2.5.5.2), as peers of
  // an IPv6 socket that accepts IPv4 have it. Every other address unchanged.
  [[nodiscard]] SocketAddress unmapped() const noexcept;

  [[nodiscard]] int family() const noexcept { return address_.any.sa_family; }
  [[nodiscard]] std::uint16_t port() const noexcept;
  void set_port(std::uint16_t port) noexcept;
  [[nodiscard]] bool is_wildcard() const noexcept;
  [[nodiscard]] bool is_multicast() const noexcept;
  [[nodiscard]] bool needs_scope() const noexcept;  // fe80::/10 without an interface (RFC 4007, section 11)

  // The interface index of an IPv6 address (sin6_scope_id); 0 if it has none.
  [[nodiscard]] std::uint32_t scope() const noexcept;

  // The raw address: 4 bytes (IPv4) or 16 (IPv6), in network order.
  [[nodiscard]] std::string_view bytes() const noexcept;

  [[nodiscard]] const sockaddr* get() const noexcept { return &address_.any; }
  [[nodiscard]] socklen_t size() const noexcept;

  // For accept and getsockname: where they write, and how many bytes fit.
  [[nodiscard]] sockaddr* storage() noexcept { return &address_.any; }
  static constexpr socklen_t storage_size = sizeof(sockaddr_in6);

  // "127.0.0.1" or "fe80::1%eth0"; with the port "127.0.0.1:80" or "[::1]:80" (RFC 5952, section 6).
  // The text has no blanks, quotes or backslashes. An interface name with other characters than letters,
  // digits and "._-+@", or of digits only, is replaced by its index, "fe80::1%7".
  [[nodiscard]] std::string host_text() const;
  [[nodiscard]] std::string text() const;

  // text() without allocation, for the accept loop: writes up to text_size bytes, returns `buffer`.
  const char* format(char (&buffer)[text_size]) const noexcept;

  friend bool operator==(const SocketAddress& left, const SocketAddress& right) noexcept;

 private:
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } address_;
};

}  // namespace tcpserver::base
