#pragma once

#include "tcpserver/base/unique_fd.hpp"

namespace tcpserver::server {

// One descriptor that is held for bad times; none at first. With the process's table full (EMFILE), or the
// system's (ENFILE), accept fails and the client stays in the queue with no answer; the reserve, given up for
// a moment, makes room to accept it and tell it no. (The trick is libev's, ev(3), "The special problem of
// accept()ing when you can't".)
class Reserve {
 public:
  // Opens it where it is missing. Cheap where it is not.
  void refill() noexcept;

  // Gives it up. False where there is none.
  [[nodiscard]] bool spend() noexcept;

 private:
  base::UniqueFd fd_;
};

}  // namespace tcpserver::server
