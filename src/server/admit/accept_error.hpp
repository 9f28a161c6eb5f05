#pragma once

namespace tcpserver::server {

// What to do after accept failed.
enum class AcceptAdvice {
  none_waiting,          // the queue is empty: wait for the next client
  retry,                 // that one connection is lost, or a signal came: take the next
  back_off,              // memory is short, or the error is not known: pause, the client keeps waiting
  short_of_descriptors,  // of this process or of the system: as back_off, or refuse the client
  doubtful               // the listener itself looks unusable
};

// The one place where errno values of accept(2) are judged.
[[nodiscard]] AcceptAdvice classify_accept_error(int error) noexcept;

}  // namespace tcpserver::server
