// The kernel's datagrams of sock_diag(7).
#include "tcpserver/backlog/sock_diag_linux.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tcpserver::backlog::PortPicture picture;
  static_cast<void>(tcpserver::backlog::read_sock_diag(fuzz::text_of(data, size), 80, picture));
  for (const auto& listener : picture.listeners)
    fuzz::require(!listener.local.text().empty(), "it can be shown");
  return 0;
}
