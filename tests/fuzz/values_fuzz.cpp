// Input: text for the parsers of numbers and durations and for the functions that quote text.
#include "tcpserver/base/characters.hpp"
#include "tcpserver/base/json.hpp"
#include "tcpserver/base/values.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tcpserver::base;
  const auto text = fuzz::to_text(data, size);
  if (const auto count = parse_count(text, 3, 70'000)) {
    fuzz::require(*count >= 3 && *count <= 70'000, "a count is in its range");
    fuzz::require(parse_saturating(text, 70'000) == count, "small values do not saturate");
  }
  if (const auto number = parse_saturating(text, 4096))
    fuzz::require(*number <= 4096, "large values saturate");
  if (const auto bytes = parse_size(text, 3, 70'000)) {
    fuzz::require(*bytes >= 3 && *bytes <= 70'000, "a size is in its range");
  }
  if (const auto number = parse_decimal(text, 1000)) {
    fuzz::require(*number >= 0 && *number <= 1000, "a decimal is in its range");
  }
  if (const auto duration = parse_duration(text)) {
    fuzz::require(*duration >= tcpserver::base::Duration::zero() && *duration <= longest_duration,
                  "a duration is in its range");
    fuzz::require(parse_duration(format_duration(*duration)) == duration, "the text can be parsed");
  }
  fuzz::require(fuzz::is_one_plain_line(quote(text)), "quoted text is one printable line");
  fuzz::require(fuzz::is_one_plain_line(quote_and_name(text)),
                "quoted text with a name is one printable line");
  fuzz::require(text.empty() || fuzz::is_one_plain_line(quote_unless_plain(text)),
                "shown text is one printable line");
  std::string json;
  JsonWriter(json).value(text);
  for (const char c : json)
    fuzz::require(static_cast<unsigned char>(c) >= ' ', "JSON has no control characters");
  return 0;
}
