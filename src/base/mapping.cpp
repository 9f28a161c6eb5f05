#include "tcpserver/base/mapping.hpp"

#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"

#include <sys/mman.h>

namespace tcpserver::base {

Mapping::Mapping(Kind kind, std::size_t size, void* hint) : size_(size) {
  const int sharing = kind == Kind::shared ? MAP_SHARED : MAP_PRIVATE;
  data_ = ::mmap(hint, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
  if (data_ == MAP_FAILED) throw system_error("map " + std::to_string(size) + " bytes of memory");
  if (kind == Kind::parent_only) hide_from_children(data_, size);
}

Mapping::~Mapping() {
  ::munmap(data_, size_);
}

}  // namespace tcpserver::base
