#pragma once

#include "tcpserver/base/mapping.hpp"

#include "server/child/inherited_memory.hpp"
#include "server/child/launcher.hpp"

#include <optional>

namespace tcpserver::server {

// Children with almost no memory of their parent. A fork copies the page tables of what the parent has
// touched, and both sides pay again when they write. A session needs only a page of code, a stack, a buffer
// and its record, so all other memory is hidden from children (MADV_DONTFORK): the heap, the stack, libc with
// its data, the rest of the program. Such a child starts with empty page tables, touches three pages, and
// leaves the parent no page to copy. An attacker who controls it finds no other client's address and no code
// but the session's.
//
// For x86-64 only (small_child_code.cpp).
class SmallLauncher final : public Launcher {
 public:
  // Tries one child. Throws StartError if memory is not available.
  SmallLauncher();

  // False if the trial failed.
  [[nodiscard]] bool works() const noexcept { return works_; }

  [[nodiscard]] pid_t launch(const ChildOrder& order, SessionRecord& record) noexcept override;
  [[nodiscard]] AddressHints place() const noexcept override { return place_; }

  // Hides all memory but what these children and the scoreboard need. Plain children cannot live after that,
  // unless the result says that small ones do not work.
  [[nodiscard]] Preparation prepare(const Scoreboard& scoreboard) override;

 private:
  enum class Trial { lives, dies, no_fork };
  [[nodiscard]] Trial try_one() const;
  [[nodiscard]] long start(const ChildOrder& order, SessionRecord* record) const noexcept;

  // What children have is close together: that saves a page of page tables for each.
  AddressHints place_;
  base::Mapping work_;  // never touched here: each child's first touch gives it a page of its own
  MemoryRange code_;
  void* command_line_hint_;
  std::optional<SharedCommandLine> command_line_;  // empty until the first prepare()
  bool works_;
};

}  // namespace tcpserver::server
