#include "tcpserver/server/sessions.hpp"

#include "tcpserver/options/values.hpp"

namespace tcpserver::server {

void Sessions::say_draining(const Context& context, std::uint32_t open) noexcept {
  context.log.info("stopping: %u open %s may finish within %s; a second signal ends %s at once", open,
                   open == 1 ? "session" : "sessions",
                   options::duration_text(context.options.drain_timeout).c_str(), open == 1 ? "it" : "them");
}

void Sessions::say_session_ended(const Context& context, const posix::SocketAddress& peer, pid_t pid,
                                 SessionEnd end, const SessionRecord& record) noexcept {
  char text[posix::SocketAddress::text_size];
  ByteCount bytes;
  bytes.add(record);
  context.log.detail("session of %s ends, pid %d: %s, %llu bytes in, %llu out", peer.format(text),
                     static_cast<int>(pid), text_of(end), static_cast<unsigned long long>(bytes.in),
                     static_cast<unsigned long long>(bytes.out));
}

}  // namespace tcpserver::server
