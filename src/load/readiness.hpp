#pragma once

#include "tcpserver/base/clock.hpp"

#include <signal.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace tcpserver::load {

struct Ready {
  std::uint32_t slot;
  bool readable;  // or at its end, or broken
  bool writable;  // or broken
};

// Waits for any of many descriptors, each known by its slot. Level-triggered: told again and again until it
// is dealt with. On Linux epoll(7), whose cost is that of what is ready; elsewhere poll(2), whose cost is
// that of all that are watched.
class Readiness {
 public:
  enum class Want { read, read_and_write };

  // Slots are 0 to `slots` - 1. Throws StartError (system).
  explicit Readiness(std::uint32_t slots);
  ~Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  // False with errno.
  [[nodiscard]] bool watch(int fd, std::uint32_t slot, Want want) noexcept;
  [[nodiscard]] bool change(int fd, std::uint32_t slot, Want want) noexcept;

  // To be called before a watched descriptor is closed.
  void forget(std::uint32_t slot) noexcept;

  // Waits for so long at most, and until a signal that the mask lets in. What is returned holds until the
  // next call; it may be a part of what is ready. Throws StartError (system).
  [[nodiscard]] const std::vector<Ready>& wait(base::Duration limit, const sigset_t& mask);

 private:
  struct Watched;
  std::unique_ptr<Watched> watched_;
  std::vector<Ready> ready_;
};

}  // namespace tcpserver::load
