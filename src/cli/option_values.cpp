#include "tcpserver/cli/option_values.hpp"

namespace tcpserver::cli {

std::uint64_t parse_number(const RawValue& value, std::uint64_t least, std::uint64_t most,
                           std::string_view what, std::string_view note) {
  const auto number = base::parse_count(value.text, least, most);
  if (!number) {
    refuse(value, std::string(what) + ": a whole number from " + std::to_string(least) + " to " +
                      std::to_string(most) + std::string(note));
  }
  return *number;
}

base::Duration parse_duration(const RawValue& value) {
  const auto duration = base::parse_duration(value.text);
  if (!duration)
    refuse(value, "a duration: 800us, 250ms, 2s, 5m or 1h, at most a year; a bare number is seconds");
  return *duration;
}

std::uint64_t parse_size(const RawValue& value, std::uint64_t most) {
  const auto size = base::parse_size(value.text, 1, most);
  if (!size) {
    refuse(value, "a size: bytes from 1 to " + std::to_string(most >> 30) + "G, such as 100, 64K, 1M or 1G");
  }
  return *size;
}

bool parse_switch(const RawValue& value) {
  if (value.text != "on" && value.text != "off") refuse(value, "a switch: on or off");
  return value.text == "on";
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

}  // namespace tcpserver::cli
