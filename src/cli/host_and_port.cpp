#include "tcpserver/cli/host_and_port.hpp"

#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_values.hpp"

namespace tcpserver::cli {

namespace {

// What a hurried user types as HOST, and no resolver would understand, let alone explain.
void refuse_what_is_no_host_alone(std::string_view text) {
  const RawValue given{text, "HOST"};
  const auto colon = text.find(':');
  if (base::parse_saturating(text, 0))
    refuse(given, "a host: HOST comes first, then PORT, as in localhost 54321");
  if (text.find_first_of("[]") != std::string_view::npos)
    refuse(given, "a host: no brackets, as in ::1 54321");
  if (colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    refuse(given, "a host: HOST and PORT stand apart, as in localhost 54321");
  }
}

}  // namespace

void take_host_and_port(const std::vector<std::string_view>& operands, std::string& host,
                        std::uint16_t& port) {
  if (operands.size() > 2) {
    throw usage_error("unexpected argument " + base::in_quotes(operands[2]) +
                      ": HOST and PORT are all it takes");
  }
  if (!operands.empty()) {
    if (operands[0].empty()) refuse({operands[0], "HOST"}, "a host: a name or a numeric address");
    refuse_what_is_no_host_alone(operands[0]);
    host = operands[0];
  }
  if (operands.size() == 2) {
    port = static_cast<std::uint16_t>(number(1, 65535, "a port")({operands[1], "PORT"}));
  }
}

}  // namespace tcpserver::cli
