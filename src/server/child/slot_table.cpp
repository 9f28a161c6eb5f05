#include "server/child/slot_table.hpp"

#include <bit>
#include <memory>
#include <new>
#include <random>
#include <utility>

namespace tcpserver::server {

namespace {

std::uint64_t random_seed() {
  std::random_device random;
  return (std::uint64_t{random()} << 32) | random();
}

}  // namespace

SlotTable::Memory::Memory(std::uint32_t count)
    : slot_count(count),
      chain_count(std::bit_ceil(count)),
      mapping(base::Mapping::Kind::parent_only,
              (sizeof(Child) + sizeof(HostCount)) * count + 2 * sizeof(Link) * std::size_t{chain_count}),
      slots(static_cast<Child*>(mapping.data())),
      hosts(reinterpret_cast<HostCount*>(slots + count)),
      pid_chains(reinterpret_cast<Link*>(hosts + count)),
      host_chains(pid_chains + chain_count) {}

SlotTable::SlotTable(std::uint32_t capacity)
    : capacity_(capacity),
      seed_(random_seed()),
      memory_(std::make_unique<Memory>(capacity)),
      slots_(memory_->slots),
      hosts_(memory_->hosts) {}

void SlotTable::resize(std::uint32_t capacity) {
  if (capacity > memory_->slot_count) {
    auto larger = std::make_unique<Memory>(capacity);
    std::uninitialized_copy_n(slots_, used_, larger->slots);
    std::uninitialized_copy_n(hosts_, used_hosts_, larger->hosts);
    memory_ = std::move(larger);
    slots_ = memory_->slots;
    hosts_ = memory_->hosts;
    // The other lists consist of indexes and stay valid. The chains depend on the size, so build them again.
    for (Slot slot = 0; slot < used_; ++slot) {
      Child& child = slots_[slot];
      if (child.running) child.next = std::exchange(pid_chain(child.pid), slot + 1);
    }
    for (Link i = 0; i < used_hosts_; ++i) {
      HostCount& count = hosts_[i];
      if (count.children > 0) count.next = std::exchange(host_chain(count.host), i + 1);
    }
  }
  capacity_ = capacity;
}

std::optional<SlotTable::Slot> SlotTable::find_running(SlotHint hint) const noexcept {
  if (hint.value >= used_) return std::nullopt;
  const Child& child = slots_[hint.value];
  return child.running && child.pid > 0 ? std::optional(hint.value) : std::nullopt;
}

SlotTable::Slot SlotTable::take() noexcept {
  ++in_use_;
  if (free_ == 0) {
    ::new (&slots_[used_]) Child;
    return used_++;
  }
  return std::exchange(free_, slots_[free_ - 1].next) - 1;
}

void SlotTable::enter(Slot slot, pid_t pid, const SessionFacts& facts) noexcept {
  Child& child = slots_[slot];
  child.pid = pid;
  child.wait_status = 0;
  child.running = true;
  child.facts = facts;
  child.next = std::exchange(pid_chain(pid), slot + 1);
  join_host(child);
}

void SlotTable::note_ended(pid_t pid, int wait_status) noexcept {
  for (Link* link = &pid_chain(pid); *link != 0; link = &slots_[*link - 1].next) {
    const Link found = *link;
    Child& child = slots_[found - 1];
    if (child.pid != pid) continue;
    *link = child.next;
    child.wait_status = wait_status;
    child.running = false;
    child.next = ended_;
    ended_ = found;
    return;
  }
}

std::optional<SlotTable::Slot> SlotTable::next_ended() noexcept {
  if (ended_ == 0) return std::nullopt;
  return std::exchange(ended_, slots_[ended_ - 1].next) - 1;
}

void SlotTable::release(Slot slot) noexcept {
  Child& child = slots_[slot];
  if (child.pid != 0) leave_host(child);
  child.pid = 0;
  child.next = std::exchange(free_, slot + 1);
  --in_use_;
}

std::uint32_t SlotTable::count(const Host& host) const noexcept {
  const Link found = find_host(host);
  return found == 0 ? 0 : hosts_[found - 1].children;
}

// The kernel assigns pids in order, so their low bits are evenly distributed.
SlotTable::Link& SlotTable::pid_chain(pid_t pid) const noexcept {
  return memory_->pid_chains[static_cast<std::uint32_t>(pid) & (memory_->chain_count - 1)];
}

SlotTable::Link& SlotTable::host_chain(const Host& host) const noexcept {
  return memory_->host_chains[host.hash(seed_) & (memory_->chain_count - 1)];
}

// Returns the link to the HostCount of this host, or the link at the end of its chain, which is 0.
SlotTable::Link& SlotTable::find_host(const Host& host) const noexcept {
  Link* link = &host_chain(host);
  while (*link != 0 && hosts_[*link - 1].host != host) link = &hosts_[*link - 1].next;
  return *link;
}

void SlotTable::join_host(Child& child) noexcept {
  const Host host = Host::from(child.facts.peer);
  Link& link = find_host(host);
  if (link == 0) {
    link = free_hosts_ == 0 ? ++used_hosts_ : std::exchange(free_hosts_, hosts_[free_hosts_ - 1].next);
    ::new (&hosts_[link - 1]) HostCount{.host = host};
  }
  ++hosts_[link - 1].children;
  child.host = link;
}

void SlotTable::leave_host(const Child& child) noexcept {
  HostCount& count = hosts_[child.host - 1];
  if (--count.children > 0) return;
  find_host(count.host) = count.next;
  count.next = std::exchange(free_hosts_, child.host);
}

}  // namespace tcpserver::server
