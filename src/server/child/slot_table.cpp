#include "tcpserver/server/child/slot_table.hpp"

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
              sizeof(Child) * count + 2 * sizeof(Link) * std::size_t{chain_count}),
      slots(static_cast<Child*>(mapping.data())),
      pid_chains(reinterpret_cast<Link*>(slots + count)),
      host_chains(pid_chains + chain_count) {}

SlotTable::SlotTable(std::uint32_t capacity)
    : capacity_(capacity),
      seed_(random_seed()),
      memory_(std::make_unique<Memory>(capacity)),
      slots_(memory_->slots) {}

void SlotTable::resize(std::uint32_t capacity) {
  if (capacity > memory_->slot_count) {
    auto larger = std::make_unique<Memory>(capacity);
    std::uninitialized_copy_n(slots_, used_, larger->slots);
    memory_ = std::move(larger);
    slots_ = memory_->slots;
    // The other lists go by slot number and stay valid. The chains depend on the size.
    for (Slot slot = 0; slot < used_; ++slot) {
      Child& child = slots_[slot];
      if (child.running) child.link = std::exchange(pid_chain(child.pid), slot + 1);
      if (child.host_count > 0) child.host_chain = 0;
    }
    for (Slot slot = 0; slot < used_; ++slot) {
      if (slots_[slot].host_count > 0) find_host(slots_[slot].host) = slot + 1;
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
  const Slot slot = free_ - 1;
  free_ = slots_[slot].link;
  return slot;
}

void SlotTable::enter(Slot slot, pid_t pid, const SessionFacts& facts) noexcept {
  Child& child = slots_[slot];
  child.pid = pid;
  child.wait_status = 0;
  child.running = true;
  child.facts = facts;
  child.link = std::exchange(pid_chain(pid), slot + 1);
  join_host(slot);
}

void SlotTable::note_ended(pid_t pid, int wait_status) noexcept {
  for (Link* link = &pid_chain(pid); *link != 0; link = &slots_[*link - 1].link) {
    const Link found = *link;
    Child& child = slots_[found - 1];
    if (child.pid != pid) continue;
    *link = child.link;
    child.wait_status = wait_status;
    child.running = false;
    child.link = ended_;
    ended_ = found;
    return;
  }
}

std::optional<SlotTable::Slot> SlotTable::next_ended() noexcept {
  if (ended_ == 0) return std::nullopt;
  const Slot slot = ended_ - 1;
  ended_ = slots_[slot].link;
  return slot;
}

void SlotTable::give_back(Slot slot) noexcept {
  Child& child = slots_[slot];
  if (child.pid != 0) leave_host(slot);
  child.pid = 0;
  child.link = std::exchange(free_, slot + 1);
  --in_use_;
}

std::uint32_t SlotTable::count(const Host& host) const noexcept {
  const Link first = find_host(host);
  return first == 0 ? 0 : slots_[first - 1].host_count;
}

// The kernel gives out pids in order, so their low bits are spread evenly.
SlotTable::Link& SlotTable::pid_chain(pid_t pid) const noexcept {
  return memory_->pid_chains[static_cast<std::uint32_t>(pid) & (memory_->chain_count - 1)];
}

// The link to the first child of this host; a link of 0 at the end of its chain if it has none.
SlotTable::Link& SlotTable::find_host(const Host& host) const noexcept {
  Link* link = &memory_->host_chains[host.hash(seed_) & (memory_->chain_count - 1)];
  while (*link != 0 && slots_[*link - 1].host != host) link = &slots_[*link - 1].host_chain;
  return *link;
}

void SlotTable::join_host(Slot slot) noexcept {
  Child& child = slots_[slot];
  child.host = Host::of(child.facts.peer);
  child.host_next = child.host_previous = child.host_chain = child.host_count = 0;
  Link& link = find_host(child.host);
  if (link == 0) {
    link = slot + 1;
    child.host_count = 1;
    return;
  }
  Child& first = slots_[link - 1];
  ++first.host_count;
  child.host_previous = link;
  child.host_next = std::exchange(first.host_next, slot + 1);
  if (child.host_next != 0) slots_[child.host_next - 1].host_previous = slot + 1;
}

void SlotTable::leave_host(Slot slot) noexcept {
  Child& child = slots_[slot];
  Link& link = find_host(child.host);
  if (child.host_next != 0) slots_[child.host_next - 1].host_previous = child.host_previous;
  if (child.host_previous != 0) {
    slots_[child.host_previous - 1].host_next = child.host_next;
    --slots_[link - 1].host_count;
  } else if (child.host_next == 0) {
    link = child.host_chain;
  } else {
    Child& heir = slots_[child.host_next - 1];
    heir.host_chain = child.host_chain;
    heir.host_count = child.host_count - 1;
    link = child.host_next;
  }
  child.host_count = 0;
}

}  // namespace tcpserver::server
