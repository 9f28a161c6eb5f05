#pragma once

#include "tcpserver/base/mapping.hpp"
#include "tcpserver/server/admit/host_table.hpp"
#include "tcpserver/server/child/scoreboard.hpp"
#include "tcpserver/server/report/session_report.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace tcpserver::server {

struct Child {
  pid_t pid = 0;
  int wait_status = 0;     // as waitpid filled it in; valid once the child has ended
  std::uint32_t link = 0;  // the table's own: the next of its list, plus 1
  bool running = false;    // started, and not yet reaped
  SessionFacts facts;
  HostTable::Entry host = 0;  // whose session it is
};

// The parent's book of its children: a bounded number of slots, found by pid in constant time. A slot goes
// free -> taken (take) -> running (started) -> ended (note_ended) -> free (give_back); each step is O(1)
// and allocates nothing. Its memory is hidden from the children.
class ChildTable {
 public:
  using Slot = std::uint32_t;

  // Throws StartError where the memory cannot be had. Slots that were never used cost no memory.
  explicit ChildTable(std::uint32_t capacity);

  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

  // Another capacity, which may be below what is in use: then no slot is to be taken until enough are back.
  // Children keep their slots. Throws StartError where the memory cannot be had; nothing has changed then.
  // Not to be called while the SIGCHLD handler may run.
  void resize(std::uint32_t capacity);

  [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }

  // Slots from here on were never taken.
  [[nodiscard]] std::uint32_t used() const noexcept { return used_; }

  // Returns the slot of a hint, or nullopt if no child runs in it.
  [[nodiscard]] std::optional<Slot> find_running(SlotHint hint) const noexcept;

  // A free slot. Fewer than capacity() must be in use.
  [[nodiscard]] Slot take() noexcept;

  // Enters the child that runs in a taken slot.
  void started(Slot slot, pid_t pid, const SessionFacts& facts, HostTable::Entry host) noexcept;

  // Called by the SIGCHLD handler: async-signal-safe. A pid that is not here (a child that this program
  // inherited over exec) is no concern of ours and changes nothing.
  void note_ended(pid_t pid, int wait_status) noexcept;

  // The slot of a child that was reaped and not settled yet, each once. Its owner reads it, then gives it
  // back.
  [[nodiscard]] std::optional<Slot> next_ended() noexcept;

  void give_back(Slot slot) noexcept;

  [[nodiscard]] const Child& operator[](Slot slot) const noexcept { return slots_[slot]; }

  // Calls visit(slot) for each running child.
  template <typename Visit>
  void for_each_running(Visit visit) const {
    for (Slot slot = 0; slot < used_; ++slot) {
      if (slots_[slot].running) visit(slot);
    }
  }

 private:
  using Link = std::uint32_t;  // a slot plus 1, so that zeroed memory is empty lists

  struct Memory {
    explicit Memory(std::uint32_t slots);
    std::uint32_t room;        // slots there are
    std::uint32_t chain_mask;  // the number of chains, a power of two, less 1
    base::Mapping mapping;
    Child* slots;
    Link* chains;  // by pid
  };

  [[nodiscard]] Link& chain_of(pid_t pid) noexcept;

  std::uint32_t capacity_;
  std::uint32_t used_ = 0;
  std::uint32_t in_use_ = 0;
  Link free_ = 0;
  Link ended_ = 0;
  std::unique_ptr<Memory> memory_;
  Child* slots_;  // memory_->slots
};

}  // namespace tcpserver::server
