#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include "server/report/metrics.hpp"

#include <memory>
#include <optional>
#include <string>

namespace tcpserver::server {

// The file that metrics go to, each five seconds. It is written beside, as FILE.tmp, and renamed into its
// place: a reader sees all of one file, also where several servers write there. Of these the last that
// started has it until it ends; then one of the others has it again. Who it is tell locks (flock(2)): whoever
// has FILE.tmp locked decides alone what becomes of FILE, and a server that lives has the FILE that it wrote
// last locked.
class MetricsFile {
 public:
  // Opens the folder, so that it is the same one whatever becomes of its path. Throws StartError
  // (cannot_create) where there is none, or where the path is that of something else than a regular file.
  explicit MetricsFile(const std::string& path);

  enum class Result {
    written,
    failed,   // the errno is in the outcome; the old file is still there
    others,   // it is another running server's, and stays
    no_file,  // it is no regular file any more, and stays
    busy      // another server writes it at this very moment
  };
  struct Outcome {
    Result result;
    int error = 0;
  };
  // Follows no symbolic link. Allocates nothing.
  [[nodiscard]] Outcome write(const MetricsFigures& figures) noexcept;

  // When it is to be written next; at once where it never was.
  [[nodiscard]] base::TimePoint due() const noexcept { return due_; }

  // The descriptor of the folder.
  [[nodiscard]] int folder() const noexcept { return folder_.get(); }

 private:
  // What is at the path: nothing, a regular file, or what no file of ours may take the place of.
  enum class Place { free, ours, nobodys, others, no_file };
  [[nodiscard]] Place place() const noexcept;
  [[nodiscard]] std::optional<Outcome> who_else_has_it() const noexcept;
  [[nodiscard]] base::UniqueFd lock_beside() noexcept;
  [[nodiscard]] bool keep(const base::UniqueFd& file) noexcept;

  std::string name_;
  std::string name_beside_;
  base::UniqueFd folder_;
  // The file that was renamed last, open so that it stays locked and no other one has its inode's number. One
  // and the same descriptor all the time: children are told once which is the highest.
  base::UniqueFd last_;
  std::unique_ptr<MetricsText> text_;  // large, and no child's
  base::TimePoint due_{};
};

}  // namespace tcpserver::server
