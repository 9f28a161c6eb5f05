#pragma once

#include "tcpserver/base/mapping.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/server/child/host.hpp"
#include "tcpserver/server/report/session_report.hpp"

#include "server/child/scoreboard.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace tcpserver::server {

// The parent's table of its children, found by pid and counted by host. A slot goes through these states:
//   free -> taken (take) -> running (enter) -> ended (note_ended) -> free (release)
// Each step is O(1) and allocates nothing. The hash of hosts has a random seed, so clients cannot choose
// addresses that collide. Children cannot see this memory.
class SlotTable {
  using Link = std::uint32_t;  // an index plus 1; 0 ends a list

 public:
  using Slot = std::uint32_t;

  struct Child {
    pid_t pid = 0;
    int wait_status = 0;   // from waitpid; valid once the child has ended
    bool running = false;  // entered and not yet ended
    SessionFacts facts;

   private:
    friend class SlotTable;
    Link next = 0;  // in the pid chain, or in the list of free or ended slots
    Link host = 0;  // the HostCount of its host
  };

  // Throws StartError if the memory is not available. Unused slots take no memory.
  explicit SlotTable(std::uint32_t capacity);

  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

  // Changes the capacity. Children keep their slots; if more slots are in use, the caller must not take one
  // until enough are free. Throws StartError and changes nothing if the memory is not available. The SIGCHLD
  // handler must not run during the call.
  void resize(std::uint32_t capacity);

  // Hides the table from children again, after show_all_to_children().
  void hide_from_children() noexcept {
    base::hide_from_children(memory_->mapping.data(), memory_->mapping.size());
  }

  [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }

  // All slots that were ever taken are below this number.
  [[nodiscard]] std::uint32_t used() const noexcept { return used_; }

  // Returns the slot of a hint, or nullopt if no child runs in it.
  [[nodiscard]] std::optional<Slot> find_running(SlotHint hint) const noexcept;

  // Returns a free slot. Fewer than capacity() must be in use.
  [[nodiscard]] Slot take() noexcept;

  // Registers the child of a taken slot.
  void enter(Slot slot, pid_t pid, const SessionFacts& facts) noexcept;

  // Marks a child as ended. Async-signal-safe, for the SIGCHLD handler. Ignores pids that are not in the
  // table, such as children inherited over exec.
  void note_ended(pid_t pid, int wait_status) noexcept;

  // Returns a slot whose child has ended, each once; nullopt if there is none. The caller releases it.
  [[nodiscard]] std::optional<Slot> next_ended() noexcept;

  // Frees a slot that was only taken, or whose child has ended.
  void release(Slot slot) noexcept;

  [[nodiscard]] const Child& operator[](Slot slot) const noexcept { return slots_[slot]; }

  // Returns how many children of this host are in the table.
  [[nodiscard]] std::uint32_t count(const Host& host) const noexcept;

  // Calls visit(slot) for each running child.
  template <typename Visit>
  void for_each_running(Visit visit) const {
    for (Slot slot = 0; slot < used_; ++slot) {
      if (slots_[slot].running) visit(slot);
    }
  }

 private:
  // The number of children of one host.
  struct HostCount {
    Host host;
    std::uint32_t children = 0;
    Link next = 0;  // in its host chain, or in the list of free counts
  };

  struct Memory {
    explicit Memory(std::uint32_t slot_count);
    std::uint32_t slot_count;
    std::uint32_t chain_count;  // a power of two
    base::Mapping mapping;
    Child* slots;
    HostCount* hosts;
    Link* pid_chains;
    Link* host_chains;
  };

  [[nodiscard]] Link& pid_chain(pid_t pid) const noexcept;
  [[nodiscard]] Link& host_chain(const Host& host) const noexcept;
  [[nodiscard]] Link& find_host(const Host& host) const noexcept;
  void join_host(Child& child) noexcept;
  void leave_host(const Child& child) noexcept;

  std::uint32_t capacity_;
  std::uint64_t seed_;
  std::uint32_t used_ = 0;
  std::uint32_t in_use_ = 0;
  std::uint32_t used_hosts_ = 0;
  Link free_ = 0;
  Link ended_ = 0;
  Link free_hosts_ = 0;
  std::unique_ptr<Memory> memory_;
  Child* slots_;      // memory_->slots
  HostCount* hosts_;  // memory_->hosts
};

}  // namespace tcpserver::server
