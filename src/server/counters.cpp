#include "tcpserver/server/counters.hpp"

namespace tcpserver::server {

namespace {

unsigned long long wide(std::uint64_t number) noexcept {
  return number;
}

}  // namespace

void ByteCount::add(const SessionRecord& record) noexcept {
  in += record.in.load(std::memory_order_relaxed);
  out += record.out.load(std::memory_order_relaxed);
}

void Counters::count_end(SessionEnd end, const SessionRecord& record) noexcept {
  ++ended[static_cast<std::size_t>(end)];
  bytes.add(record);
}

StatusText status_text(const Counters& counters, const OpenSessions& sessions) noexcept {
  StatusText text;
  text.append("%u of %u %s, %llu accepted, %llu refused, ended:", sessions.open, sessions.most,
              sessions.reaped ? "sessions open" : "places taken, by zombies too", wide(counters.accepted),
              wide(counters.fork_failures));
  const char* separator = " ";
  for (std::size_t i = 0; i < counters.ended.size(); ++i) {
    if (counters.ended[i] == 0) continue;
    text.append("%s%llu %s", separator, wide(counters.ended[i]), text_of(static_cast<SessionEnd>(i)));
    separator = ", ";
  }
  if (*separator == ' ') text.append(" none");
  text.append("; %llu failed forks, %llu accept errors; %llu bytes in, %llu out",
              wide(counters.fork_failures), wide(counters.accept_errors),
              wide(counters.bytes.in + sessions.bytes.in), wide(counters.bytes.out + sessions.bytes.out));
  return text;
}

}  // namespace tcpserver::server
