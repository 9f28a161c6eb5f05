#pragma once

#include "tcpserver/server/report/log.hpp"

#include "server/report/metrics_file.hpp"

#include <string>

namespace tcpserver::server {

// Keeps the file of --metrics-file, and says in the log where that cannot be.
class MetricsWriter {
 public:
  // Throws StartError as MetricsFile does. `log` must outlive it.
  MetricsWriter(const std::string& path, Log& log) : path_(path), log_(log), file_(path) {}

  // As the user who serves, before there are clients. Waits up to two seconds for a server that writes there
  // just now. Throws StartError (cannot_create) where the file cannot be written.
  void write_first(const MetricsFigures& figures);

  // While clients are served: what goes wrong is a warning, one a minute at most. A monitor sees by the
  // file's age that it is not written.
  void write(const MetricsFigures& figures) noexcept;

  [[nodiscard]] base::TimePoint due() const noexcept { return file_.due(); }
  [[nodiscard]] int folder() const noexcept { return file_.folder(); }

 private:
  std::string path_;
  Log& log_;
  MetricsFile file_;
  bool was_busy_ = false;  // the last time
  RateLimit failures_{std::chrono::minutes(1)};
};

}  // namespace tcpserver::server
