#include "tcpserver/server/report/metrics_writer.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <poll.h>

#include <cstring>
#include <utility>

namespace tcpserver::server {

using Result = MetricsFile::Result;

void MetricsWriter::write_first(const MetricsFigures& figures) {
  constexpr int tries = 100;
  constexpr int between_tries_ms = 20;
  auto outcome = file_.write(figures);
  for (int i = 1; i < tries && outcome.result == Result::busy; ++i) {
    ::poll(nullptr, 0, between_tries_ms);
    outcome = file_.write(figures);
  }
  if (outcome.result == Result::written) return;
  const auto shown = base::plain_or_quoted(path_);
  if (outcome.result == Result::busy) {
    throw base::StartError(
        base::ExitStatus::cannot_create,
        "--metrics-file " + shown + ": another server writes it, and does not come to an end");
  }
  throw base::system_error("write --metrics-file " + shown, outcome.error, base::ExitStatus::cannot_create);
}

void MetricsWriter::write(const MetricsFigures& figures) noexcept {
  const auto outcome = file_.write(figures);
  const char* const path = path_.c_str();
  // Once is a server that takes the file over.
  const bool busy_again = std::exchange(was_busy_, outcome.result == Result::busy);
  switch (outcome.result) {
    case Result::written:
      return;
    case Result::busy:
      if (!busy_again) return;
      log_.limited_warning(
          failures_, "cannot write --metrics-file %s: another server writes it, and does not come to an end",
          path);
      return;
    case Result::others:
      log_.limited_warning(
          failures_,
          "--metrics-file %s is another server's now: this one writes it again when that has ended", path);
      return;
    case Result::no_file:
      log_.limited_warning(
          failures_, "--metrics-file %s is no regular file any more: it is not written while that is there",
          path);
      return;
    case Result::failed:
      log_.limited_warning(failures_, "cannot write --metrics-file %s: %s", path,
                           std::strerror(outcome.error));
  }
}

}  // namespace tcpserver::server
