#include "tcpserver/cli/option_values.hpp"

namespace tcpserver::cli {

namespace {

// Refuses what users type by mistake and no resolver would explain.
void refuse_other_than_host(std::string_view text) {
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

Parser<std::uint64_t> number(std::uint64_t least, std::uint64_t most, std::string_view what,
                             std::string_view note) {
  return [=](const RawValue& value) {
    const auto number = base::parse_count(value.text, least, most);
    if (number) return *number;
    refuse(value, std::string(what) + ": a whole number from " + std::to_string(least) + " to " +
                      std::to_string(most) + std::string(note));
  };
}

Parser<std::uint64_t> size(std::uint64_t most) {
  return [=](const RawValue& value) {
    const auto size = base::parse_size(value.text, 1, most);
    if (size) return *size;
    refuse(value, "a size: bytes from 1 to " + std::to_string(most >> 30) + "G, such as 100, 64K, 1M or 1G");
  };
}

Parser<base::Duration> duration_above_zero(std::string_view what) {
  return [=](const RawValue& value) {
    const auto parsed = duration(value);
    if (parsed == base::Duration::zero()) refuse(value, std::string(what) + ": it must be above 0");
    return parsed;
  };
}

Parser<std::string> path(std::string_view what) {
  return [=](const RawValue& value) {
    if (value.text.empty()) refuse(value, what);
    return std::string(value.text);
  };
}

base::Duration duration(const RawValue& value) {
  const auto parsed = base::parse_duration(value.text);
  if (parsed) return *parsed;
  refuse(value, "a duration: 800us, 250ms, 2s, 5m or 1h, at most a year; a bare number is seconds");
}

bool on_or_off(const RawValue& value) {
  if (value.text != "on" && value.text != "off") refuse(value, "a switch: on or off");
  return value.text == "on";
}

base::Service service(const RawValue& value) {
  for (const auto& service : base::services) {
    if (value.text == service.name) return service;
  }
  refuse(value, "a service: " + service_names());
}

std::string any_text(const RawValue& value) {
  return std::string(value.text);
}

std::string alternatives(const std::vector<std::string_view>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

std::string service_names() {
  std::vector<std::string_view> names;
  for (const auto& service : base::services) names.push_back(service.name);
  return alternatives(names);
}

std::string service_help() {
  std::string help;
  for (const auto& service : base::services) {
    if (!help.empty()) help += "; ";
    help.append(service.name).append(": ").append(service.help);
  }
  return help;
}

void take_host_and_port(const std::vector<std::string_view>& operands, std::string& host,
                        std::uint16_t& port) {
  if (operands.size() > 2) {
    throw usage_error("unexpected argument " + base::in_quotes(operands[2]) +
                      ": HOST and PORT are all it takes");
  }
  if (!operands.empty()) {
    if (operands[0].empty()) refuse({operands[0], "HOST"}, "a host: a name or a numeric address");
    refuse_other_than_host(operands[0]);
    host = operands[0];
  }
  if (operands.size() == 2) {
    port = static_cast<std::uint16_t>(number(1, 65535, "a port")({operands[1], "PORT"}));
  }
}

}  // namespace tcpserver::cli
