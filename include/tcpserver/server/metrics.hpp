#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/unique_fd.hpp"
#include "tcpserver/server/bounded_text.hpp"
#include "tcpserver/server/counters.hpp"
#include "tcpserver/server/listener.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

// What a monitor collects of a running server: --metrics-file.
namespace tcpserver::server {

// Enough for all figures of 64 listeners, the longest address at each.
using MetricsText = BoundedText<std::size_t{48} * 1024>;

struct MetricsFigures {
  const Counters& counters;
  OpenSessions sessions;                 // with their bytes
  std::span<const Listener> listeners;   // none any more: no figures of queues
  std::optional<std::uint64_t> dropped;  // at full queues; nothing: the kernel does not tell
  std::uint64_t log_lines_dropped = 0;
  std::int64_t started_s = 0;  // since 1970
};

// The figures in Prometheus' text format 0.0.4, names and units as its guide for writing exporters has them:
// every counter from the start, at 0 where nothing has happened.
void append_metrics(MetricsText& text, const MetricsFigures& figures) noexcept;

// The file that these go to, each five seconds. It is written beside, as PATH.tmp, and renamed into its
// place: a reader sees all of the old one or all of the new one.
class MetricsFile {
 public:
  // Opens the folder, so that it is the same one whatever becomes of its path. Throws StartError
  // (cannot_create) where there is none.
  explicit MetricsFile(const std::string& path);

  // False with errno where the file could not be replaced: the old one is still there. Follows no symbolic
  // link. Allocates nothing.
  [[nodiscard]] bool write(const MetricsFigures& figures) noexcept;

  // When it is to be written next; at once where it never was.
  [[nodiscard]] posix::TimePoint due() const noexcept { return due_; }

 private:
  [[nodiscard]] posix::UniqueFd open_beside() const noexcept;

  std::string name_;
  std::string name_beside_;
  posix::UniqueFd folder_;
  std::unique_ptr<MetricsText> text_;  // large, and no child's
  posix::TimePoint due_{};
};

}  // namespace tcpserver::server
