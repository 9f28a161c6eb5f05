#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/server/report/counters.hpp"
#include "tcpserver/server/report/log.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

// The figures of a running server for a monitor: --metrics-file.
namespace tcpserver::server {

// A listener's queue. Several listeners may have the same address (SO_REUSEPORT).
struct ListenQueue {
  base::SocketAddress address;
  kernel::AcceptQueue queue;
};

struct MetricsFigures {
  const Counters& counters;
  OpenSessions sessions{};                 // with bytes
  std::span<const ListenQueue> queues{};   // empty once the listeners are closed
  std::optional<std::uint64_t> dropped{};  // at full queues; nullopt if unknown
  std::uint64_t log_lines_dropped = 0;
  std::int64_t started_s = 0;  // since 1970
};

// Has room for 64 listeners with the longest addresses.
using MetricsText = base::BoundedText<std::size_t{48} * 1024>;

// Writes Prometheus' text format 0.0.4. Every counter is there from the start.
void append_metrics(MetricsText& text, const MetricsFigures& figures) noexcept;

// The file of --metrics-file. A reader sees only whole files, because each is written beside it and renamed.
// If several servers write to the same file, the last write wins.
class MetricsFile {
 public:
  // Opens the directory, which stays the same one even if its path changes. `log` must outlive the object.
  // Throws StartError (cannot_create) without the directory, or if the path is not a regular file.
  MetricsFile(const std::string& path, Log& log);

  // The first write, as the user who serves. Also removes temporary files of killed servers. Throws
  // StartError (cannot_create).
  void write_first(const MetricsFigures& figures);

  // Logs a failure, at most once per minute; the old file stays. Allocates nothing.
  void write(const MetricsFigures& figures) noexcept;

  // When to write next.
  [[nodiscard]] base::TimePoint due() const noexcept { return due_; }
  [[nodiscard]] int folder() const noexcept { return folder_.get(); }

 private:
  [[nodiscard]] bool is_taken() const noexcept;
  [[nodiscard]] int replace(const MetricsFigures& figures) noexcept;
  void remove_stale() const;

  std::string path_;
  std::string name_;
  std::string temporary_name_;
  Log& log_;
  base::UniqueFd folder_;
  std::unique_ptr<MetricsText> text_;  // on the heap: it is large
  base::TimePoint due_{};
  RateLimit failures_{std::chrono::minutes(1)};
};

}  // namespace tcpserver::server
