#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tcpserver::base {

// How a child treats the bytes of its client.
enum class Verb : std::uint8_t {
  echo,  // sends each back unchanged
  upper  // sends each back, ASCII letters in upper case
};

// Returns the reply to one byte.
[[nodiscard]] constexpr char reply_to(Verb verb, char byte) noexcept {
  const bool is_lower_case = byte >= 'a' && byte <= 'z';
  return verb == Verb::upper && is_lower_case ? static_cast<char>(byte - ('a' - 'A')) : byte;
}

// A value of --service. All programs take their options and help from this table.
struct Service {
  std::string_view name;
  std::string_view help;
  Verb verb;

  friend constexpr bool operator==(const Service&, const Service&) = default;
};

inline constexpr Service services[] = {
    {"echo", "returns bytes unchanged", Verb::echo},  // the default
    {"upper", "returns ASCII letters in upper case", Verb::upper},
};

// Returns the first service that would send this reply to these bytes, null if none. Both have the same size.
[[nodiscard]] constexpr const Service* find_service(std::string_view sent, std::string_view reply) noexcept {
  for (const auto& service : services) {
    std::size_t at = 0;
    while (at < reply.size() && at < sent.size() && reply_to(service.verb, sent[at]) == reply[at]) ++at;
    if (at == reply.size()) return &service;
  }
  return nullptr;
}

}  // namespace tcpserver::base
