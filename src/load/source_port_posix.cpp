#include "tcpserver/load/source_port.hpp"

namespace tcpserver::load {

void choose_port_at_connect(int) noexcept {}

}  // namespace tcpserver::load
