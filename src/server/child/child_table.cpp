#include "server/child/child_table.hpp"

#include <bit>
#include <memory>
#include <new>

namespace tcpserver::server {

namespace {

std::uint32_t chains_for(std::uint32_t capacity) {
  return std::bit_ceil(capacity);
}

}  // namespace

ChildTable::Memory::Memory(std::uint32_t count)
    : room(count),
      chain_mask(chains_for(count) - 1),
      mapping(base::Mapping::Kind::parent_only,
              sizeof(Child) * count + sizeof(Link) * std::size_t{chains_for(count)}),
      slots(static_cast<Child*>(mapping.data())),
      chains(reinterpret_cast<Link*>(slots + count)) {}

ChildTable::ChildTable(std::uint32_t capacity)
    : capacity_(capacity), memory_(std::make_unique<Memory>(capacity)), slots_(memory_->slots) {}

void ChildTable::resize(std::uint32_t capacity) {
  if (capacity > memory_->room) {
    auto larger = std::make_unique<Memory>(capacity);
    std::uninitialized_copy_n(slots_, used_, larger->slots);
    memory_ = std::move(larger);
    slots_ = memory_->slots;
    // The lists of free and of ended slots go by number and still hold; the chains have become others.
    for_each_running([this](Slot slot) {
      Link& chain = chain_of(slots_[slot].pid);
      slots_[slot].link = chain;
      chain = slot + 1;
    });
  }
  capacity_ = capacity;
}

std::optional<ChildTable::Slot> ChildTable::find_running(SlotHint hint) const noexcept {
  if (hint.value >= used_) return std::nullopt;
  const Child& child = slots_[hint.value];
  return child.running && child.pid > 0 ? std::optional(hint.value) : std::nullopt;
}

ChildTable::Slot ChildTable::take() noexcept {
  ++in_use_;
  if (free_ == 0) {
    ::new (&slots_[used_]) Child;
    return used_++;
  }
  const Slot slot = free_ - 1;
  free_ = slots_[slot].link;
  return slot;
}

void ChildTable::started(Slot slot, pid_t pid, const SessionFacts& facts, HostTable::Entry host) noexcept {
  Link& chain = chain_of(pid);
  slots_[slot] = {.pid = pid, .wait_status = 0, .link = chain, .running = true, .facts = facts, .host = host};
  chain = slot + 1;
}

void ChildTable::note_ended(pid_t pid, int wait_status) noexcept {
  for (Link* link = &chain_of(pid); *link != 0; link = &slots_[*link - 1].link) {
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

std::optional<ChildTable::Slot> ChildTable::next_ended() noexcept {
  if (ended_ == 0) return std::nullopt;
  const Slot slot = ended_ - 1;
  ended_ = slots_[slot].link;
  return slot;
}

void ChildTable::give_back(Slot slot) noexcept {
  slots_[slot].link = free_;
  free_ = slot + 1;
  --in_use_;
}

// Pids are given out one after another: their low bits already spread them evenly.
ChildTable::Link& ChildTable::chain_of(pid_t pid) noexcept {
  return memory_->chains[static_cast<std::uint32_t>(pid) & memory_->chain_mask];
}

}  // namespace tcpserver::server
