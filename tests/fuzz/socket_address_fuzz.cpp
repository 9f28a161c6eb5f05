#include "tcpserver/base/socket_address.hpp"

#include "fuzz/fuzz.hpp"

#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tcpserver::base::SocketAddress;
  const auto text = fuzz::to_text(data, size);
  const auto address = SocketAddress::parse(text, 80);
  if (!address) return 0;
  fuzz::require(address->port() == 80, "the port is unchanged");
  fuzz::require(address->bytes().size() == (address->family() == AF_INET6 ? 16U : 4U),
                "the size fits the family");
  const auto shown = address->host_text();
  fuzz::require(fuzz::is_one_plain_line(shown), "the text is one printable line");
  const auto again = SocketAddress::parse(shown, 80);
  fuzz::require(again && *again == *address, "the text can be parsed");
  char buffer[SocketAddress::text_size];
  fuzz::require(std::strlen(address->format(buffer)) < sizeof buffer, "the text fits its buffer");
  fuzz::require(address->text() == buffer, "both texts are the same");
  return 0;
}
