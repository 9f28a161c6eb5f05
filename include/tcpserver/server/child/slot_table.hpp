#pragma once

#include "tcpserver/base/mapping.hpp"
#include "tcpserver/server/child/host.hpp"
#include "tcpserver/server/child/scoreboard.hpp"
#include "tcpserver/server/report/session_report.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace tcpserver::server {

// The parent's table of its children, found by pid and counted by host. A slot goes through these states:
//   free -> taken (take) -> running (enter) -> ended (note_ended) -> free (give_back)
// Each step is O(1) and allocates nothing. No client can choose addresses that make a step slow, because the
// hash of hosts is seeded at random. Children cannot see this memory.
class SlotTable {
 public:
  using Slot = std::uint32_t;

  struct Child {
    pid_t pid = 0;
    int wait_status = 0;   // from waitpid; valid once the child has ended
    bool running = false;  // entered and not yet ended
    SessionFacts facts;

   private:
    friend class SlotTable;
    using Link = std::uint32_t;  // a slot plus 1; 0 ends a list

    Link link = 0;  // the next child of its pid chain, or of the free or the ended slots
    Host host;
    // The children of one host form a list. The first one counts them and is a member of the chain of hosts.
    Link host_chain = 0;
    Link host_next = 0;
    Link host_previous = 0;
    std::uint32_t host_count = 0;
  };

  // Throws StartError if the memory is not available. Slots that were never used cost no memory.
  explicit SlotTable(std::uint32_t capacity);

  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

  // Changes the capacity. It may be less than what is in use; then no slot may be taken until enough are
  // given back. Children keep their slots. Throws StartError and changes nothing if the memory is not
  // available. The SIGCHLD handler must not run meanwhile.
  void resize(std::uint32_t capacity);

  [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }

  // Slots from this number on were never taken.
  [[nodiscard]] std::uint32_t used() const noexcept { return used_; }

  // Returns the slot of a hint, or nullopt if no child runs in it.
  [[nodiscard]] std::optional<Slot> find_running(SlotHint hint) const noexcept;

  // Returns a free slot. Fewer than capacity() must be in use.
  [[nodiscard]] Slot take() noexcept;

  // Enters the child that runs in a taken slot.
  void enter(Slot slot, pid_t pid, const SessionFacts& facts) noexcept;

  // For the SIGCHLD handler: async-signal-safe. Ignores pids that are not in the table, such as children that
  // this program inherited over exec.
  void note_ended(pid_t pid, int wait_status) noexcept;

  // Returns a slot whose child has ended, each once, or nullopt. The caller reads it and gives it back.
  [[nodiscard]] std::optional<Slot> next_ended() noexcept;

  // Frees a slot that was taken, or whose child has ended.
  void give_back(Slot slot) noexcept;

  [[nodiscard]] const Child& operator[](Slot slot) const noexcept { return slots_[slot]; }

  // How many children of this host have entered and were not given back.
  [[nodiscard]] std::uint32_t count(const Host& host) const noexcept;

  // Calls visit(slot) for each running child.
  template <typename Visit>
  void for_each_running(Visit visit) const {
    for (Slot slot = 0; slot < used_; ++slot) {
      if (slots_[slot].running) visit(slot);
    }
  }

 private:
  using Link = Child::Link;

  struct Memory {
    explicit Memory(std::uint32_t slot_count);
    std::uint32_t slot_count;
    std::uint32_t chain_count;  // a power of two
    base::Mapping mapping;
    Child* slots;
    Link* pid_chains;
    Link* host_chains;
  };

  [[nodiscard]] Link& pid_chain(pid_t pid) const noexcept;
  [[nodiscard]] Link& find_host(const Host& host) const noexcept;
  void join_host(Slot slot) noexcept;
  void leave_host(Slot slot) noexcept;

  std::uint32_t capacity_;
  std::uint64_t seed_;
  std::uint32_t used_ = 0;
  std::uint32_t in_use_ = 0;
  Link free_ = 0;
  Link ended_ = 0;
  std::unique_ptr<Memory> memory_;
  Child* slots_;  // memory_->slots
};

}  // namespace tcpserver::server
