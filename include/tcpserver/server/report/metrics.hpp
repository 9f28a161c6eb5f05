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

// The numbers of a running server, and the file for Prometheus (--metrics-file).
namespace tcpserver::server {

// A listener's queue. Several listeners may have the same address (SO_REUSEPORT).
struct ListenQueue {
  base::SocketAddress address;
  kernel::AcceptQueue queue;
};

struct ServerMetrics {
  const Counters& counters;
  OpenSessions sessions{};                // with bytes
  std::span<const ListenQueue> queues{};  // empty once the listeners are closed
  // Connection attempts that the kernel dropped, nearly all at full queues; nullopt if unknown.
  std::optional<std::uint64_t> dropped{};
  std::uint64_t log_lines_dropped = 0;
  std::uint64_t children_reaped = 0;
  std::uint64_t sigchlds_handled = 0;  // fewer than children, because pending signals merge
  std::int64_t started_s = 0;          // since 1970
};

// Has room for 64 listeners with the longest addresses.
using MetricsText = base::BoundedText<std::size_t{48} * 1024>;

// Writes Prometheus' text format 0.0.4. Counters that are zero are written too.
void append_metrics(MetricsText& text, const ServerMetrics& metrics) noexcept;

// The file of --metrics-file. Each version is written to a temporary file and renamed, so that a reader never
// sees a part of it. If several servers write to the same file, the last write wins.
class MetricsFile {
 public:
  // Opens the directory, which stays the same one even if its path changes. `log` must outlive the object.
  // Throws StartError (cannot_create) without the directory, or if the path is not a regular file.
  MetricsFile(const std::string& path, Log& log);

  // The first write, after --user took effect. Also removes temporary files of killed servers. Throws
  // StartError (cannot_create).
  void write_first(const ServerMetrics& metrics);

  // On failure the old file stays, and a warning is logged at most once per minute. Allocates nothing.
  void write(const ServerMetrics& metrics) noexcept;

  // The time of the next write.
  [[nodiscard]] base::TimePoint due() const noexcept { return due_; }
  [[nodiscard]] int directory() const noexcept { return directory_.get(); }

 private:
  [[nodiscard]] bool is_taken() const noexcept;
  [[nodiscard]] int replace(const ServerMetrics& metrics) noexcept;
  void remove_stale() const;

  std::string path_;
  std::string name_;
  std::string temporary_name_;
  Log& log_;
  base::UniqueFd directory_;
  std::unique_ptr<MetricsText> text_;  // large, so it is on the heap
  base::TimePoint due_{};
  RateLimit failures_{std::chrono::minutes(1)};
};

}  // namespace tcpserver::server
