#include "tcpserver/server/report/log_record.hpp"

#include <algorithm>
#include <chrono>

namespace tcpserver::server {

namespace {

constexpr const char* levels[] = {"warning", "notice", "info"};  // by Severity

bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
}

}  // namespace

LogRecord::LogRecord(LogFormat format, Severity severity, std::string_view event) noexcept
    : format_(format), severity_(severity) {
  is_json() ? begin_json(event) : append_clean(event);
}

LogRecord::LogRecord(LogFormat format, Severity severity, Message message) noexcept
    : format_(format), severity_(severity) {
  if (!is_json()) {
    append_clean(message.text);
    return;
  }
  begin_json("message");
  json_.name("message");
  json_.value(message.text);
}

void LogRecord::begin_json(std::string_view event) noexcept {
  char now[base::utc_text_size];
  json_.begin_object();
  json_.member("time", base::utc_text(std::chrono::system_clock::now(), now));
  json_.member("level", levels[static_cast<int>(severity_)]);
  json_.member("event", event);
}

void LogRecord::add(std::string_view key, std::string_view value) noexcept {
  if (is_json()) return json_.member(key, value);
  if (text_.room() < key.size() + value.size() + 2) return;
  text_.append(" %.*s=%.*s", static_cast<int>(key.size()), key.data(), static_cast<int>(value.size()),
               value.data());
}

void LogRecord::add(std::string_view key, std::uint64_t value) noexcept {
  if (is_json()) return json_.member(key, value);
  base::BoundedText<24> number;
  number.append("%llu", base::wide(value));
  add(key, {number.c_str(), number.size()});
}

void LogRecord::add_seconds(std::string_view key, base::Duration value) noexcept {
  const auto microseconds = std::chrono::floor<std::chrono::microseconds>(std::max(value, base::Duration{}));
  const double seconds = std::chrono::duration<double>(microseconds).count();
  if (is_json()) return json_.member(key, seconds, 6);
  base::BoundedText<32> number;
  number.append("%.6f", seconds);
  add(key, {number.c_str(), number.size()});
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
  if (is_json() && !finished_) json_.end_object();
  finished_ = true;
  return {text_.c_str(), text_.size()};
}

}  // namespace tcpserver::server
