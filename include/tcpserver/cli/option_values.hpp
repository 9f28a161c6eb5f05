#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/service.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_table.hpp"

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

// The usual kinds of values: each function makes the Setting of a member. A member that is a std::optional<T>
// takes the values of T.
namespace tcpserver::cli {

// The checks. Each returns the value, or refuses it. `what` is what it should be: "a port".
[[nodiscard]] std::uint64_t parse_number(const RawValue& value, std::uint64_t least, std::uint64_t most,
                                         std::string_view what, std::string_view note = {});
[[nodiscard]] base::Duration parse_duration(const RawValue& value);
[[nodiscard]] std::uint64_t parse_size(const RawValue& value, std::uint64_t most);  // from 1; whole GiB
[[nodiscard]] bool parse_switch(const RawValue& value);                             // "on" or "off"

[[nodiscard]] std::string alternatives(const std::vector<std::string_view>& words);  // "a, b or c"
[[nodiscard]] std::string service_names();                                           // "echo or upper"
[[nodiscard]] std::string service_help();  // "echo: every byte as it came; upper: in capitals"

[[nodiscard]] inline std::string to_text(std::unsigned_integral auto number) {
  return std::to_string(number);
}
[[nodiscard]] inline std::string to_text(base::Duration duration) {
  return base::duration_text(duration);
}

// `store` takes the member and the RawValue.
template <typename Options, typename Member, typename Store>
[[nodiscard]] Setting<Options> member(Member Options::*place, Store store) {
  Setting<Options> setting;
  setting.parse = [=](Options& to, const RawValue& value) { store(to.*place, value); };
  setting.equal = [=](const Options& left, const Options& right) { return left.*place == right.*place; };
  setting.copy = [=](Options& to, const Options& from) { to.*place = from.*place; };
  if constexpr (requires(const Member& value) { to_text(value); }) {
    setting.print = [=](const Options& from) { return to_text(from.*place); };
  }
  return setting;
}

template <typename Member>
struct PlainOf {
  using Type = Member;
};
template <typename Value>
struct PlainOf<std::optional<Value>> {
  using Type = Value;
};
template <typename Member>
using Plain = typename PlainOf<Member>::Type;

// A whole number; `note` continues the refusal.
template <typename Options, typename Member>
[[nodiscard]] Setting<Options> number(Member Options::*place, std::uint64_t least, std::uint64_t most,
                                      std::string_view what, std::string_view note = {}) {
  return member(place, [=](Member& to, const RawValue& value) {
    to = static_cast<Plain<Member>>(parse_number(value, least, most, what, note));
  });
}

// A word that stands for a value.
template <typename Options, typename Member>
[[nodiscard]] Setting<Options> choice(
    Member Options::*place, std::string_view what,
    const std::vector<std::pair<std::string_view, Plain<Member>>>& choices) {
  auto setting = member(place, [=](Member& to, const RawValue& value) {
    std::vector<std::string_view> words;
    for (const auto& [word, meaning] : choices) {
      if (word == value.text) {
        to = meaning;
        return;
      }
      words.push_back(word);
    }
    refuse(value, std::string(what) + ": " + alternatives(words));
  });
  setting.print = [=](const Options& from) {
    for (const auto& [word, meaning] : choices) {
      if (from.*place == meaning) return std::string(word);
    }
    return std::string();
  };
  return setting;
}

template <typename Options>
[[nodiscard]] Setting<Options> on_or_off(bool Options::*place) {
  return member(place, [](bool& to, const RawValue& value) { to = parse_switch(value); });
}

template <typename Options, typename Member>
[[nodiscard]] Setting<Options> duration(Member Options::*place) {
  return member(place, [](Member& to, const RawValue& value) { to = parse_duration(value); });
}

template <typename Options, typename Member>
[[nodiscard]] Setting<Options> duration_above_zero(Member Options::*place, std::string_view what) {
  return member(place, [=](Member& to, const RawValue& value) {
    to = parse_duration(value);
    if (to == base::Duration::zero()) refuse(value, std::string(what) + ": it must be above 0");
  });
}

// Bytes, from 1 to `most`, which is a whole number of GiB.
template <typename Options>
[[nodiscard]] Setting<Options> size(std::uint64_t Options::*place, std::uint64_t most) {
  return member(place, [=](std::uint64_t& to, const RawValue& value) { to = parse_size(value, most); });
}

template <typename Options, typename Member>
[[nodiscard]] Setting<Options> service(Member Options::*place) {
  std::vector<std::pair<std::string_view, base::Service>> choices;
  for (const auto& service : base::services) choices.emplace_back(service.name, service);
  return choice(place, "a service", choices);
}

template <typename Options, typename Member>
[[nodiscard]] Setting<Options> any_text(Member Options::*place) {
  return member(place, [](Member& to, const RawValue& value) { to = std::string(value.text); });
}

// A path, not empty.
template <typename Options>
[[nodiscard]] Setting<Options> path(std::string Options::*place, std::string_view what = "a file's name") {
  return member(place, [=](std::string& to, const RawValue& value) {
    if (value.text.empty()) refuse(value, what);
    to = value.text;
  });
}

}  // namespace tcpserver::cli
