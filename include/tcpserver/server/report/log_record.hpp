#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/json.hpp"
#include "tcpserver/server/options.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tcpserver::server {

// How much a line matters: "warning", "notice", "info" in JSON.
enum class Severity { warning, notice, info };

// One line of the log, its parts in the order in which they are added. Formats in memory of its own,
// allocates nothing. As text: what the event is called, then " key=value" for each part; as JSON (RFC 8259)
// one object:
//   {"time": "2026-11-27T04:44:21.123456Z", "level": "info", "event": "session_open", "pid": 4711}
// with the time as of RFC 3339 in UTC. A part that does not fit is left out, and a long message is cut: a
// line of JSON is always valid.
class LogRecord {
 public:
  static constexpr std::size_t capacity = 2000;

  LogRecord(LogFormat format, Severity severity, std::string_view event) noexcept;
  LogRecord(const LogRecord&) = delete;
  LogRecord& operator=(const LogRecord&) = delete;

  // A line without a shape of its own: as text it is the message alone, as JSON the value of "message".
  // Control characters become "?" in text.
  struct Message {
    std::string_view text;
  };
  LogRecord(LogFormat format, Severity severity, Message message) noexcept;

  // Keys are plain words. Values as text hold neither blanks nor control characters.
  void add(std::string_view key, std::string_view value) noexcept;
  void add(std::string_view key, std::uint64_t value) noexcept;
  void add_seconds(std::string_view key, base::Duration value) noexcept;  // to the microsecond

  // Of the finished line; without a newline.
  [[nodiscard]] std::string_view finish() noexcept;
  [[nodiscard]] Severity severity() const noexcept { return severity_; }

 private:
  [[nodiscard]] bool is_json() const noexcept { return format_ == LogFormat::json; }
  void begin_json(std::string_view event) noexcept;
  void append_clean(std::string_view value) noexcept;

  LogFormat format_;
  Severity severity_;
  bool finished_ = false;
  base::BoundedText<capacity> text_;
  base::JsonWriter json_{text_};
};

}  // namespace tcpserver::server
