#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tcpserver::server {

// How a child gives up every system call but read, write, exit and sigreturn.
enum class Sandbox : std::uint8_t {
  strict,  // SECCOMP_MODE_STRICT: no program to run per call, the cheapest
  filter,  // the same four calls by a seccomp filter, where a container's filter is in force already:
           // strict mode cannot be set on top of one (seccomp(2))
  none     // neither can be entered: no seccomp in this build or kernel, or an outer filter forbids it
};

// The best that this process's children can enter, found by having one try. Also sets no_new_privs on this
// process, which the filter needs and which a program that never executes another one loses nothing by.
// Called once, at start-up. Throws StartError where no child can be forked to try.
[[nodiscard]] Sandbox prepare_sandbox();

// What this process, the parent of all children, gives up for good, and its children with it.
struct Confinement {
  bool files = false;    // no file can be written, made, removed or executed, but in the folders that were
                         // kept; those that are open stay usable
  bool tcp = false;      // no TCP socket can be bound or connected; those that listen go on
  bool signals = false;  // none can be sent but to its own children
  bool capabilities = false;  // the rights of root, but the one to read files where that was to be kept

  [[nodiscard]] bool all() const noexcept { return files && tcp && signals && capabilities; }
};

// A directory tree in which the server keeps some access.
struct WritableDir {
  enum class Use {
    remove,  // may remove files
    create,  // may create and write files
    replace  // may do all of these
  };
  Use use = Use::remove;
  int descriptor = -1;  // of the open directory; the user of --user may not reach it by its path
};

// What it may keep.
struct Kept {
  bool read_all_files = false;  // files that only root may read can still be read
  std::vector<WritableDir> folders;
};

// Called once, when all is open that the server ever opens for writing. Each part where the system has it:
// Landlock (landlock(7), Linux 5.13, 6.7 for TCP, 6.12 for signals), capabilities(7).
[[nodiscard]] Confinement confine(const Kept& kept) noexcept;

// In the child. From here on any other system call kills it. False where the kernel refused.
[[nodiscard]] bool enter_sandbox(Sandbox sandbox) noexcept;

struct SandboxResult {
  bool sandbox = false;         // false: the kernel refused
  bool can_set_linger = false;  // the child can still set SO_LINGER on its connection
};

// Enters the sandbox in a plain child. Prefers a filter that allows SO_LINGER, because strict mode does not;
// falls back to enter_sandbox().
[[nodiscard]] SandboxResult enter_sandbox_with_linger(Sandbox sandbox) noexcept;

}  // namespace tcpserver::server
