#include "tcpserver/server/child/address_hints.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace tcpserver::server {

namespace {

// What the last level of page tables maps, with pages of 4 KiB and entries of 8 bytes.
constexpr std::size_t block = 4096UL * (4096 / 8);

}  // namespace

AddressHints::AddressHints() noexcept {
  if (::sysconf(_SC_PAGESIZE) != 4096 || sizeof(void*) != 8) return;
  // Twice as much has a whole block in it.
  void* const room = ::mmap(nullptr, 2 * block, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return;
  ::munmap(room, 2 * block);
  next_ = (reinterpret_cast<std::uintptr_t>(room) + block - 1) & ~(block - 1);
  end_ = next_ + block;
}

void* AddressHints::next(std::size_t size) noexcept {
  const std::size_t pages = (size + 4095) & ~std::size_t{4095};
  if (pages > end_ - next_) return nullptr;
  void* const hint = reinterpret_cast<void*>(next_);
  next_ += pages;
  return hint;
}

}  // namespace tcpserver::server
