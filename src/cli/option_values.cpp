#include "tcpserver/cli/option_values.hpp"

#include "tcpserver/base/characters.hpp"

#include "cli/foreign_text.hpp"

#include <algorithm>

namespace tcpserver::cli {

Parser<std::uint64_t> number(std::uint64_t least, std::uint64_t most) {
  return [=](const RawValue& value) {
    const auto number = base::parse_count(value.text, least, most);
    if (number) return *number;
    refuse(value, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  };
}

Parser<std::uint64_t> size(std::uint64_t most) {
  return [=](const RawValue& value) {
    const auto size = base::parse_size(value.text, 1, most);
    if (size) return *size;
    refuse(value, "a size from 1 byte to " + std::to_string(most >> 30) + "G, such as 100, 64K, 1M or 1G");
  };
}

Parser<std::string> path(std::string_view what) {
  return [=](const RawValue& value) {
    if (value.text.empty() || !explain_mistake(value.text).empty()) refuse(value, what);
    return std::string(value.text);
  };
}

base::Duration duration(const RawValue& value) {
  const auto parsed = base::parse_duration(value.text);
  if (parsed) return *parsed;
  refuse(value, "a duration, such as 800us, 250ms, 2s, 5m or 1h, up to a year; a bare number is in seconds");
}

base::Duration duration_above_zero(const RawValue& value) {
  const auto parsed = duration(value);
  if (parsed == base::Duration::zero()) refuse(value, "a duration above 0");
  return parsed;
}

std::optional<bool> parse_boolean(std::string_view text) {
  constexpr std::string_view words[] = {"off", "on", "no", "yes", "false", "true", "0", "1"};
  for (std::size_t i = 0; i < std::size(words); ++i) {
    const bool same =
        std::equal(text.begin(), text.end(), words[i].begin(), words[i].end(),
                   [](char c, char lower) { return c == lower || (lower >= 'a' && c == lower - 'a' + 'A'); });
    if (same) return i % 2 == 1;
  }
  return std::nullopt;
}

bool on_or_off(const RawValue& value) {
  if (const auto on = parse_boolean(value.text)) return *on;
  refuse(value, "on or off (also true, yes, 1, false, no, 0)");
}

std::vector<RawValue> split_list(const RawValue& list, std::string_view allowed) {
  if (trim(list.text).empty()) refuse(list, allowed);
  std::vector<RawValue> items;
  for (std::size_t begin = 0, end = 0; end != std::string_view::npos; begin = end + 1) {
    end = list.text.find(',', begin);
    const RawValue item{trim(list.text.substr(begin, end - begin)), list.label};
    if (item.text.empty()) {
      refuse_because(list, items.empty()                   ? "has an empty item before the first comma"
                           : end == std::string_view::npos ? "has an empty item after the last comma"
                                                           : "has an empty item between two commas");
    }
    const auto first = item.text.substr(0, item.text.find_first_of(" \t;"));
    if (first.size() < item.text.size() && !first.empty()) {
      refuse(item, std::string(allowed) + "; separate several with commas");
    }
    items.push_back(item);
  }
  return items;
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

std::string service_help() {
  std::string help;
  for (const auto& service : base::services) {
    if (!help.empty()) help += "; ";
    help.append(service.name).append(": ").append(service.help);
  }
  return help;
}

std::optional<HostAndPort> split_host_and_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const auto rest = text.substr(close + 1);
    if (rest.empty()) return HostAndPort{text.substr(1, close - 1), std::nullopt};
    if (!rest.starts_with(':')) return std::nullopt;
    return HostAndPort{text.substr(1, close - 1), rest.substr(1)};
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
    return HostAndPort{text, std::nullopt};
  }
  return HostAndPort{text.substr(0, colon), text.substr(colon + 1)};
}

void take_host_and_port(const std::vector<std::string_view>& operands, std::string& host,
                        std::uint16_t& port) {
  if (operands.empty()) return;
  if (operands[0].find("://") != std::string_view::npos) {
    refuse_because({operands[0], "HOST"}, "is a URL; write HOST:PORT");
  }
  const auto split = split_host_and_port(operands[0]);
  if (!split) refuse({operands[0], "HOST"}, "an address in brackets, such as [::1] or [::1]:54321");
  const auto& [given_host, given_port] = *split;
  const std::size_t most = given_port ? 1 : 2;
  if (operands.size() > most) {
    throw usage_error("unexpected argument " + base::quote_and_name(operands[most]) + " after HOST and PORT");
  }
  if (given_host.empty() || !explain_mistake(given_host).empty())
    refuse({operands[0], "HOST"}, "a host name or a numeric address");
  if (base::parse_saturating(given_host, 0)) {
    refuse_because({operands[0], "HOST"},
                   "is a number; did you mean localhost:" + std::string(given_host) + "?");
  }
  host = given_host;
  if (given_port || operands.size() == 2) {
    const auto text = given_port ? *given_port : operands[1];
    port = static_cast<std::uint16_t>(number(1, 65535)({text, "PORT"}));
  }
}

}  // namespace tcpserver::cli
