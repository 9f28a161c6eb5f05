#pragma once

#include "tcpserver/base/service.hpp"
#include "tcpserver/server/confine/sandbox.hpp"
#include "tcpserver/server/session/session.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <type_traits>

namespace tcpserver::server {

class AddressHints;
class Scoreboard;

// The instructions for a child. It is four machine words long, so that a small child gets it in registers.
struct ChildOrder {
  std::int32_t connection = -1;
  std::int32_t highest_descriptor = 0;  // that the parent may have open
  std::int32_t parent = 0;
  base::Verb verb = base::Verb::echo;
  Sandbox sandbox = Sandbox::none;
  std::uint16_t unused = 0;
  RecordingFile recording{};
};
static_assert(sizeof(ChildOrder) == 4 * sizeof(std::uint64_t));
static_assert(std::has_unique_object_representations_v<ChildOrder>, "copied as words");

// Starts a child for an order. The child serves the session, counts into its record, and exits with a
// SessionEnd.
class Launcher {
 public:
  virtual ~Launcher() = default;

  // Returns the child's pid, or -1 with errno.
  [[nodiscard]] virtual pid_t launch(const ChildOrder& order, SessionRecord& record) noexcept = 0;

  struct Preparation {
    bool works = true;              // false if this launcher cannot be used any more
    const char* problem = nullptr;  // why children inherit the server's memory; null if they do not
  };
  // Call before the first launch, and after each permanent allocation. Allocates.
  [[nodiscard]] virtual Preparation prepare(const Scoreboard&) { return {}; }
};

// Plain children have a copy of all memory of their parent.
[[nodiscard]] std::unique_ptr<Launcher> make_plain_launcher();

// Small children share almost no memory with their parent; it is mapped at `place`. They exist only on x86-64
// without sanitizers, whose memory every function needs; otherwise children are plain. Throws StartError if
// memory is not available.
[[nodiscard]] std::unique_ptr<Launcher> make_launcher(AddressHints& place);

}  // namespace tcpserver::server
