#pragma once

namespace tcpserver::server {

// What to do after accept failed.
enum class AcceptAdvice {
  none_waiting,  // the queue is empty: wait for the next client
  retry,         // that one connection is lost, or a signal came: take the next
  back_off,  // descriptors or memory are short, or the error is not known: pause, the client keeps waiting
  fatal      // the listener itself is unusable
};

// The one place where errno values of accept(2) are judged.
[[nodiscard]] AcceptAdvice classify_accept_error(int error) noexcept;

}  // namespace tcpserver::server
