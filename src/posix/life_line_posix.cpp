#include "tcpserver/posix/life_line.hpp"

namespace tcpserver::posix {

void LifeLine::tie() noexcept {}

}  // namespace tcpserver::posix
