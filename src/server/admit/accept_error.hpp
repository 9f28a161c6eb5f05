#pragma once

namespace tcpserver::server {

// The reaction to a failed accept.
enum class AcceptAdvice {
  none_waiting,          // the queue is empty: wait for the next client
  retry,                 // that connection is lost, or a signal came: accept the next
  back_off,              // memory is short, or the error is unknown: pause, the client stays queued
  short_of_descriptors,  // of the process or the system: back off, or refuse the client
  doubtful               // the listener itself looks unusable
};

// The only place that knows the errno values of accept(2).
[[nodiscard]] AcceptAdvice classify_accept_error(int error) noexcept;

}  // namespace tcpserver::server
