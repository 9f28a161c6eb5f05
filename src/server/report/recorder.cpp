#include "tcpserver/server/report/recorder.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace tcpserver::server {

namespace {

using FileName = base::BoundedText<2 * base::SocketAddress::text_size + base::utc_text_size>;

// One peer cannot start more sessions within one step of the clock.
constexpr int name_tries = 16;

// Keeps only characters that are safe in a file name.
void append_peer(FileName& name, const base::SocketAddress& peer) noexcept {
  char text[base::SocketAddress::text_size];
  for (const char* c = peer.format(text); *c != '\0'; ++c) {
    const bool is_safe =
        std::isalnum(static_cast<unsigned char>(*c)) != 0 || std::strchr(".:[]%-", *c) != nullptr;
    name.append("%c", is_safe ? *c : '_');
  }
}

// "20261127T044421.123456Z"
void append_time(FileName& name, RecordingTime time) noexcept {
  char text[base::utc_text_size];
  for (const char* c = base::format_utc(time, text); *c != '\0'; ++c) {
    if (*c != '-' && *c != ':') name.append("%c", *c);
  }
}

FileName name_file(const base::SocketAddress& peer, RecordingTime time) noexcept {
  FileName name;
  name.append("tcpserver.");
  append_peer(name, peer);
  if (time != RecordingTime{}) {
    name.append(".");
    append_time(name, time);
  }
  name.append(".dat");
  return name;
}

}  // namespace

Recorder::Recorder(const std::string& directory, std::uint64_t limit, Log& log)
    : path_(base::quote_unless_plain(directory)),
      directory_(base::open_directory(directory.c_str())),
      limit_(limit == 0 ? no_file_limit : limit),
      log_(log) {
  if (!directory_) {
    throw base::system_error("open the directory of --record " + path_, errno,
                             base::ExitStatus::cannot_create);
  }
  // A child sets its own limit (base::limit_file_size). Setting the current one again tests whether that is
  // allowed.
  rlimit largest{};
  if (limit_ != no_file_limit &&
      (::getrlimit(RLIMIT_FSIZE, &largest) != 0 || ::setrlimit(RLIMIT_FSIZE, &largest) != 0)) {
    const int error = errno;
    log_.warning({"record_limit_error", {{"errno", base::errno_name(error)}}},
                 "--record-limit: cannot set RLIMIT_FSIZE: %s; a compromised child could exceed the limit",
                 std::strerror(error));
  }
  // RLIM_INFINITY is the largest value.
  if (::getrlimit(RLIMIT_FSIZE, &largest) != 0 || largest.rlim_cur >= limit_) return;
  limit_ = largest.rlim_cur;
  log_.info({"record_limit", {{"bytes", limit_}}}, "--record: RLIMIT_FSIZE limits each file to %llu bytes",
            base::wide(limit_));
}

void Recorder::check_writable() const {
  if (::faccessat(directory_.get(), ".", W_OK | X_OK, AT_EACCESS) == 0) return;
  throw base::system_error("write to the directory of --record " + path_, errno,
                           base::ExitStatus::cannot_create);
}

NewRecording Recorder::begin(const base::SocketAddress& peer) noexcept {
  NewRecording recording;
  const auto create = [&](RecordingTime time) {
    recording.time = time;
    recording.file = base::create_file(directory_.get(), name_file(peer, time).c_str(), S_IRUSR | S_IWUSR);
    return static_cast<bool>(recording.file);
  };
  bool created = create({});
  auto time = std::chrono::system_clock::now();
  for (int i = 0; !created && errno == EEXIST && i < name_tries; ++i, time += std::chrono::microseconds(1)) {
    created = create(time);
  }
  if (created) return recording;
  const int error = errno;
  char text[base::SocketAddress::text_size];
  peer.format(text);
  log_.limited_warning(open_failures_, {"record_error", {{"peer", text}, {"errno", base::errno_name(error)}}},
                       "session %s is not recorded: cannot create a file in %s: %s", text, path_.c_str(),
                       std::strerror(error));
  return recording;
}

void Recorder::remove_if_empty(const base::SocketAddress& peer, RecordingTime time) noexcept {
  const auto name = name_file(peer, time);
  struct stat status {};
  const bool is_empty = ::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                        S_ISREG(status.st_mode) && status.st_size == 0;
  if (!is_empty || ::unlinkat(directory_.get(), name.c_str(), 0) == 0) return;
  const int error = errno;
  log_.limited_warning(remove_failures_, {"record_error", {{"errno", base::errno_name(error)}}},
                       "cannot remove the empty file %s in %s: %s; empty files stay there", name.c_str(),
                       path_.c_str(), std::strerror(error));
}

void Recorder::end(const base::SocketAddress& peer, RecordingTime time,
                   const SessionClaims& claims) noexcept {
  // A compromised child may claim anything, so remove_if_empty() checks the size.
  if (claims.recorded == 0) remove_if_empty(peer, time);
  if (claims.recording_error == 0) return;
  char text[base::SocketAddress::text_size];
  peer.format(text);
  log_.limited_warning(write_failures_,
                       {"record_error",
                        {{"peer", text},
                         {"errno", base::errno_name(claims.recording_error)},
                         {"bytes_recorded", claims.recorded}}},
                       "recording of %s stopped after %llu bytes: %s", text, base::wide(claims.recorded),
                       std::strerror(claims.recording_error));
}

}  // namespace tcpserver::server
