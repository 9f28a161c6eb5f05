#pragma once

namespace tcpserver::server {

// The reaction to a failed accept.
enum class AcceptAdvice {
  none_waiting,          // the queue is empty: wait for the next client
  retry,                 // the connection is lost, or a signal arrived: accept the next one
  back_off,              // out of memory, or an unknown error: pause, the client stays queued
  short_of_descriptors,  // in the process or the system: back off, or refuse the client
  check_listener         // the listener itself may be unusable
};

// The only place that knows the errno values of accept(2).
[[nodiscard]] AcceptAdvice classify_accept_error(int error) noexcept;

}  // namespace tcpserver::server
