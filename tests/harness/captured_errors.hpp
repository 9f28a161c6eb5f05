#pragma once

#include "harness/stalled_reader.hpp"

#include <unistd.h>

#include <utility>

namespace tcpserver::server {

// Redirects standard error to a pipe until the end of the scope.
class CapturedErrors : public harness::Pipe {
 public:
  CapturedErrors() { ::dup2(fd(), STDERR_FILENO); }
  ~CapturedErrors() { restore(); }
  void restore() {
    if (saved_ < 0) return;
    ::dup2(saved_, STDERR_FILENO);
    ::close(std::exchange(saved_, -1));
  }

 private:
  int saved_ = ::dup(STDERR_FILENO);
};

}  // namespace tcpserver::server
