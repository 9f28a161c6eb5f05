#include "tcpserver/server/child/host.hpp"

#include <algorithm>
#include <cstring>

namespace tcpserver::server {

namespace {

// One round of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014):
// each bit of the input affects every bit of the result.
std::uint64_t mix_bits(std::uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

Host Host::from(const base::SocketAddress& peer) noexcept {
  const auto address = peer.unmapped();
  const auto bytes = address.bytes();
  Host host{.network = 0, .scope = address.scope(), .is_ipv4 = address.family() != AF_INET6};
  std::memcpy(&host.network, bytes.data(), std::min(bytes.size(), sizeof host.network));
  return host;
}

std::uint64_t Host::hash(std::uint64_t seed) const noexcept {
  const auto family_and_scope = (std::uint64_t{scope} << 1) | (is_ipv4 ? 1U : 0U);
  return mix_bits(mix_bits(network ^ seed) ^ family_and_scope);
}

}  // namespace tcpserver::server
