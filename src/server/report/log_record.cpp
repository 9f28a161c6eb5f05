#include "tcpserver/server/report/log_record.hpp"

#include <algorithm>
#include <chrono>

namespace tcpserver::server {

namespace {

// Of a line of JSON: what its end takes, a quotation mark and a brace.
constexpr std::size_t room_for_end = 2;

const char* level_of(Severity severity) noexcept {
  switch (severity) {
    case Severity::warning:
      return "warning";
    case Severity::notice:
      return "notice";
    case Severity::info:
      return "info";
  }
  return "info";
}

// How many bytes the character at the text's beginning has (RFC 3629, section 4); 0: it is none.
std::size_t length_of_character(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool no_character = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || no_character ? 0 : length;
}

bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
}

}  // namespace

LogRecord::LogRecord(LogFormat format, Severity severity, std::string_view event) noexcept
    : format_(format), severity_(severity) {
  if (!is_json()) {
    append_clean(event);
    return;
  }
  char now[base::utc_text_size];
  text_.append(R"({"time": "%s", "level": "%s", "event": "%.*s")",
               base::utc_text(std::chrono::system_clock::now(), now), level_of(severity),
               static_cast<int>(event.size()), event.data());
}

LogRecord LogRecord::message(LogFormat format, Severity severity, std::string_view text) noexcept {
  if (format == LogFormat::text) return {format, severity, text};
  LogRecord record(format, severity, "message");
  record.text_.append(R"(, "message": )");
  record.append_string(text);
  return record;
}

void LogRecord::add(std::string_view key, std::string_view value) noexcept {
  // Of what the server says of a session nothing is that long; a byte may take six.
  if (text_.room() < key.size() + 6 * value.size() + 8 + room_for_end) return;
  if (!is_json()) return add_plain(key, value);
  text_.append(R"(, "%.*s": )", static_cast<int>(key.size()), key.data());
  append_string(value);
}

void LogRecord::add(std::string_view key, std::uint64_t value) noexcept {
  base::BoundedText<24> number;
  number.append("%llu", static_cast<unsigned long long>(value));
  add_plain(key, {number.c_str(), number.size()});
}

void LogRecord::add_seconds(std::string_view key, base::Duration value) noexcept {
  const auto microseconds =
      std::max<long long>(0, std::chrono::duration_cast<std::chrono::microseconds>(value).count());
  base::BoundedText<32> number;
  number.append("%lld.%06lld", microseconds / 1'000'000, microseconds % 1'000'000);
  add_plain(key, {number.c_str(), number.size()});
}

void LogRecord::add_plain(std::string_view key, std::string_view value) noexcept {
  if (text_.room() < key.size() + value.size() + 8 + room_for_end) return;
  text_.append(is_json() ? R"(, "%.*s": %.*s)" : " %.*s=%.*s", static_cast<int>(key.size()), key.data(),
               static_cast<int>(value.size()), value.data());
}

// As a JSON string, cut where it does not fit.
void LogRecord::append_string(std::string_view value) noexcept {
  text_.append("\"");
  while (!value.empty()) {
    const char c = value.front();
    const auto length = length_of_character(value);
    base::BoundedText<8> shown;
    if (c == '"' || c == '\\') {
      shown.append("\\%c", c);
    } else if (is_control(c)) {
      shown.append("\\u%04x", static_cast<unsigned>(c));
    } else if (length == 0) {
      shown.append("\\ufffd");
    } else {
      shown.append("%.*s", static_cast<int>(length), value.data());
    }
    if (text_.room() < shown.size() + room_for_end) break;
    text_.append("%s", shown.c_str());
    value.remove_prefix(std::max<std::size_t>(length, 1));
  }
  text_.append("\"");
}

void LogRecord::append_clean(std::string_view value) noexcept {
  while (!value.empty()) {
    const auto plain = std::find_if(value.begin(), value.end(), is_control);
    const auto count = static_cast<std::size_t>(plain - value.begin());
    text_.append("%.*s", static_cast<int>(count), value.data());
    value.remove_prefix(count);
    if (value.empty()) return;
    text_.append("?");
    value.remove_prefix(1);
  }
}

std::string_view LogRecord::finish() noexcept {
  if (is_json() && !finished_) text_.append("}");
  finished_ = true;
  return {text_.c_str(), text_.size()};
}

}  // namespace tcpserver::server
