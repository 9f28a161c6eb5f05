#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/service.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_table.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

// The usual kinds of values, and the Setting of a member that has such a value.
namespace tcpserver::cli {

// Returns the value, or refuses it.
template <typename Value>
using Parser = std::function<Value(const RawValue&)>;

[[nodiscard]] Parser<std::uint64_t> number(std::uint64_t least, std::uint64_t most);
[[nodiscard]] Parser<std::uint64_t> size(std::uint64_t most);  // from 1 to `most`, a whole number of GiB
// Refuses an empty path, and quotes, blanks or invisible characters that are part of it by mistake.
[[nodiscard]] Parser<std::string> path(std::string_view what = "a file name");
[[nodiscard]] base::Duration duration(const RawValue& value);
[[nodiscard]] base::Duration duration_above_zero(const RawValue& value);
// Parses on, true, yes, 1 and off, false, no, 0, in capitals or not.
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);
[[nodiscard]] bool on_or_off(const RawValue& value);
[[nodiscard]] std::string any_text(const RawValue& value);

// Splits a list at its commas, and removes the blanks around its items. Refuses empty items, and items with
// blanks inside; `allowed` describes one item.
[[nodiscard]] std::vector<RawValue> split_list(const RawValue& list, std::string_view allowed);

[[nodiscard]] std::string service_help();  // "echo: every byte as it came; upper: in capitals"
[[nodiscard]] std::string alternatives(const std::vector<std::string_view>& words);  // "a, b or c"

struct HostAndPort {
  std::string_view host;                 // without brackets; may be empty
  std::optional<std::string_view> port;  // not checked
};

// Splits HOST:PORT and [IPV6]:PORT. A text with several colons and without brackets is an IPv6 address.
// Returns nullopt for brackets that do not match.
[[nodiscard]] std::optional<HostAndPort> split_host_and_port(std::string_view text);

// The operands of a client: HOST, HOST PORT, HOST:PORT or [IPV6]:PORT. Sets what was given. The port is 1 to
// 65535. Throws StartError (usage).
void take_host_and_port(const std::vector<std::string_view>& operands, std::string& host,
                        std::uint16_t& port);

// The texts that the parsers read back.
[[nodiscard]] inline std::string to_text(std::unsigned_integral auto value) {
  if constexpr (std::same_as<decltype(value), bool>) {
    return value ? "on" : "off";
  } else {
    return std::to_string(value);
  }
}
[[nodiscard]] inline std::string to_text(const std::string& text) {
  return text;
}
[[nodiscard]] inline std::string to_text(base::Duration duration) {
  return base::format_duration(duration);
}

// T for a member of type T or std::optional<T>.
template <typename Value>
Value plain(const Value*);
template <typename Value>
Value plain(const std::optional<Value>*);
template <typename Member>
using Plain = decltype(plain(static_cast<const Member*>(nullptr)));

// `parse` is a Parser, or stores the value itself: parse(member, raw value).
template <typename Options, typename Member, typename Parse>
[[nodiscard]] Setting<Options> member(Member Options::*place, Parse parse) {
  Setting<Options> setting;
  setting.parse = [=](Options& to, const RawValue& value) {
    if constexpr (std::is_invocable_v<Parse, Member&, const RawValue&>) {
      parse(to.*place, value);
    } else {
      to.*place = static_cast<Plain<Member>>(parse(value));
    }
  };
  setting.equal = [=](const Options& left, const Options& right) { return left.*place == right.*place; };
  setting.copy = [=](Options& to, const Options& from) { to.*place = from.*place; };
  if constexpr (requires(const Member& value) { to_text(value); }) {
    setting.print = [=](const Options& from) { return to_text(from.*place); };
  }
  return setting;
}

// The Setting of a member whose values are words. Another boolean stands for the words on and off.
template <typename Options, typename Member>
[[nodiscard]] Setting<Options> choice(
    Member Options::*place, const std::vector<std::pair<std::string_view, Plain<Member>>>& choices) {
  std::vector<std::string_view> words;
  for (const auto& choice : choices) words.push_back(choice.first);
  auto setting = member(place, [=](const RawValue& value) {
    const auto on = parse_boolean(value.text);
    const std::string_view text = !on ? value.text : *on ? "on" : "off";
    for (const auto& [word, meaning] : choices) {
      if (word == text) return meaning;
    }
    refuse(value, alternatives(words));
  });
  for (const auto word : words) setting.words.append(setting.words.empty() ? "" : "|").append(word);
  setting.print = [=](const Options& from) {
    for (const auto& [word, meaning] : choices) {
      if (from.*place == meaning) return std::string(word);
    }
    return std::string();
  };
  return setting;
}

// The Setting of a member whose values are the names of the services.
template <typename Options, typename Member>
[[nodiscard]] Setting<Options> service(Member Options::*place) {
  std::vector<std::pair<std::string_view, base::Service>> choices;
  for (const auto& service : base::services) choices.emplace_back(service.name, service);
  return choice(place, choices);
}

}  // namespace tcpserver::cli
