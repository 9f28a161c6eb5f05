#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tcpserver::base {

// An IPv4 or IPv6 address with a port. It has 28 bytes and is cheap to copy.
class SocketAddress {
 public:
  // The largest size of the text, including brackets, scope, port and final zero.
  static constexpr std::size_t text_size = INET6_ADDRSTRLEN + 32;

  SocketAddress() noexcept;  // 0.0.0.0:0

  [[nodiscard]] static SocketAddress any(int family, std::uint16_t port) noexcept;

  // Parses a numeric address: "127.0.0.1", "::1", "fe80::1%eth0" (name or number of an interface that exists;
  // only for link-local addresses). nullopt for other text, and for IPv4-mapped IPv6 (::ffff:a.b.c.d), which
  // has an IPv4 form.
  [[nodiscard]] static std::optional<SocketAddress> parse(std::string_view address, std::uint16_t port);

  // Explains why parse() refuses what follows the % of a numeric address: "no such interface". nullopt if it
  // does not, or if there is no numeric address before the %.
  [[nodiscard]] static std::optional<std::string> find_zone_error(std::string_view address);

  // Copies an address from accept, getsockname or getaddrinfo. nullopt for another family.
  [[nodiscard]] static std::optional<SocketAddress> from(const sockaddr* address) noexcept;

  // Takes 4 bytes (AF_INET) or 16 (AF_INET6) in network order. nullopt for another family.
  [[nodiscard]] static std::optional<SocketAddress> from_bytes(int family, const void* bytes,
                                                               std::uint16_t port,
                                                               std::uint32_t scope = 0) noexcept;

  // Returns the IPv4 address of an IPv4-mapped IPv6 address (::ffff:a.b.c.d; RFC 4291, section 2.5.5.2),
  // which IPv4 peers of a dual-stack socket have. Returns other addresses unchanged.
  [[nodiscard]] SocketAddress unmapped() const noexcept;

  [[nodiscard]] int family() const noexcept { return address_.any.sa_family; }
  [[nodiscard]] std::uint16_t port() const noexcept;
  void set_port(std::uint16_t port) noexcept;
  [[nodiscard]] bool is_wildcard() const noexcept;
  [[nodiscard]] bool is_multicast() const noexcept;
  [[nodiscard]] bool needs_scope() const noexcept;  // fe80::/10 without an interface (RFC 4007, section 11)

  // Returns the interface index of an IPv6 address (sin6_scope_id); 0 if it has none.
  [[nodiscard]] std::uint32_t scope() const noexcept;

  // Returns the raw address: 4 bytes (IPv4) or 16 (IPv6) in network order.
  [[nodiscard]] std::string_view bytes() const noexcept;

  [[nodiscard]] const sockaddr* get() const noexcept { return &address_.any; }
  [[nodiscard]] socklen_t size() const noexcept;

  // The memory that accept and getsockname fill, and its size.
  [[nodiscard]] sockaddr* storage() noexcept { return &address_.any; }
  static constexpr socklen_t storage_size = sizeof(sockaddr_in6);

  // host_text() returns "127.0.0.1" or "fe80::1%eth0", text() "127.0.0.1:80" or "[::1]:80" (RFC 5952, section
  // 6). The text has no blanks, quotes or backslashes. The interface index replaces a name that consists of
  // digits or has characters other than letters, digits and "._-+@": "fe80::1%7".
  [[nodiscard]] std::string host_text() const;
  [[nodiscard]] std::string text() const;

  // Does the same as text() without allocation. Returns `buffer`.
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
