#pragma once

#include "tcpserver/base/unique_fd.hpp"

namespace tcpserver::server {

// A descriptor held in reserve; none at first. If the table of the process (EMFILE) or of the system (ENFILE)
// is full, accept fails and the client stays in the queue without an answer. Releasing this descriptor for a
// moment makes room to accept the client and to reset it. (The trick is libev's: ev(3), "The special problem
// of accept()ing when you can't".)
class SpareFd {
 public:
  // Opens it if there is none. Cheap otherwise.
  void refill() noexcept;

  // Closes it. Returns false if there was none.
  [[nodiscard]] bool release() noexcept;

 private:
  base::UniqueFd fd_;
};

}  // namespace tcpserver::server
