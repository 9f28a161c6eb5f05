#pragma once

namespace tcpserver::load {

// Lets bind take an address, and leave the choice of the port to connect: a port that is in use to another
// server is free to this one then, so that each address has its ports once for each server
// (IP_BIND_ADDRESS_NO_PORT, ip(7), Linux 4.2). Elsewhere bind chooses. Advice: where it fails, all stays as
// it is.
void choose_port_at_connect(int fd) noexcept;

}  // namespace tcpserver::load
