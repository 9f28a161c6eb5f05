#include "tcpserver/server/admit/host_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

namespace tcpserver::server {

namespace {

// One round of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014):
// each bit of the input moves every bit of the result.
std::uint64_t mix(std::uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::uint64_t random_seed() {
  std::random_device random;
  return (std::uint64_t{random()} << 32) | random();
}

std::uint64_t first_bytes(std::string_view bytes) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

}  // namespace

Host Host::of(const base::SocketAddress& peer) noexcept {
  const auto address = peer.unmapped();
  const bool is_ipv4 = address.family() != AF_INET6;
  return {.network = first_bytes(address.bytes()), .scope = address.scope(), .is_ipv4 = is_ipv4};
}

HostTable::Memory::Memory(std::uint32_t count)
    : capacity(count),
      chain_mask(std::bit_ceil(count) - 1),
      mapping(base::Mapping::Kind::parent_only,
              sizeof(Node) * count + sizeof(Link) * (std::size_t{chain_mask} + 1)),
      nodes(static_cast<Node*>(mapping.data())),
      chains(reinterpret_cast<Link*>(nodes + count)) {}

HostTable::HostTable(std::uint32_t capacity)
    : seed_(random_seed()), memory_(std::make_unique<Memory>(capacity)) {}

void HostTable::reserve(std::uint32_t capacity) {
  if (capacity <= memory_->capacity) return;
  auto larger = std::make_unique<Memory>(capacity);
  std::copy_n(memory_->nodes, used_, larger->nodes);
  memory_ = std::move(larger);
  for (Entry entry = 0; entry < used_; ++entry) {
    Node& node = memory_->nodes[entry];
    if (node.sessions == 0) continue;  // on the free list, which goes by number and still holds
    Link& chain = chain_of(node.host);
    node.link = chain;
    chain = entry + 1;
  }
}

std::uint32_t HostTable::sessions_of(const Host& host) const noexcept {
  const Link found = find(host);
  return found == 0 ? 0 : memory_->nodes[found - 1].sessions;
}

HostTable::Entry HostTable::enter(const Host& host) noexcept {
  if (const Link found = find(host); found != 0) {
    ++memory_->nodes[found - 1].sessions;
    return found - 1;
  }
  Entry entry = used_;
  if (free_ == 0) {
    ++used_;
  } else {
    entry = free_ - 1;
    free_ = memory_->nodes[entry].link;
  }
  Link& chain = chain_of(host);
  memory_->nodes[entry] = {.host = host, .sessions = 1, .link = chain};
  chain = entry + 1;
  return entry;
}

void HostTable::leave(Entry entry) noexcept {
  Node& node = memory_->nodes[entry];
  if (--node.sessions > 0) return;
  Link* link = &chain_of(node.host);
  while (*link != entry + 1) link = &memory_->nodes[*link - 1].link;
  *link = node.link;
  node.link = free_;
  free_ = entry + 1;
}

HostTable::Link& HostTable::chain_of(const Host& host) const noexcept {
  const auto family_and_scope = (std::uint64_t{host.scope} << 1) | (host.is_ipv4 ? 1U : 0U);
  const auto hash = mix(mix(host.network ^ seed_) ^ family_and_scope);
  return memory_->chains[hash & memory_->chain_mask];
}

HostTable::Link HostTable::find(const Host& host) const noexcept {
  Link link = chain_of(host);
  while (link != 0 && memory_->nodes[link - 1].host != host) link = memory_->nodes[link - 1].link;
  return link;
}

}  // namespace tcpserver::server
