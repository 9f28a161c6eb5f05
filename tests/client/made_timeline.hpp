#pragma once

#include "client/timeline.hpp"

// Made-up timelines.
namespace made {

using tcpserver::client::ClientRecord;
using tcpserver::client::Failure;
using tcpserver::client::FailureKind;
using tcpserver::client::Timeline;

// A quick client: sends as soon as it is connected.
inline ClientRecord answered(std::uint32_t id, double connected_s, double replied_s) {
  return {.id = id,
          .connected_s = connected_s,
          .sent_s = connected_s + 0.0001,
          .replied_s = replied_s,
          .ended_s = replied_s + 0.0001,
          .failure = {}};
}

// A slow one.
inline ClientRecord held(std::uint32_t id, double sent_s, double replied_s) {
  auto record = answered(id, 0.0001, replied_s);
  record.slow = true;
  record.sent_s = sent_s;
  return record;
}

inline ClientRecord broken(std::uint32_t id, FailureKind kind, double ended_s) {
  return {.id = id,
          .connected_s = {},
          .sent_s = {},
          .replied_s = {},
          .ended_s = ended_s,
          .failure = Failure{.kind = kind, .message = "failed"}};
}

inline Timeline of_five(std::vector<ClientRecord> quick) {
  Timeline timeline{
      .server = "localhost:54321", .delay = std::chrono::seconds(2), .records = {held(1, 2, 2.0005)}};
  timeline.records.insert(timeline.records.end(), quick.begin(), quick.end());
  timeline.now_s = 2.51;
  timeline.finished = true;
  return timeline;
}

inline Timeline iterative() {
  return of_five({answered(2, 0.0001, 2.001), answered(3, 0.0001, 2.0011), answered(4, 0.0001, 2.0012),
                  answered(5, 0.0001, 2.0016)});
}

inline Timeline forking() {
  return of_five({answered(2, 0.0001, 0.0005), answered(3, 0.0001, 0.0006), answered(4, 0.0001, 0.0007),
                  answered(5, 0.0001, 0.0009)});
}

// Client 2 waited in the queue. For clients 3 to 5 it was full at first, for client 5 also after a second.
inline Timeline full_queue() {
  auto timeline = of_five({answered(2, 0.0001, 2.001), answered(3, 1.001, 2.001), answered(4, 1.001, 2.45),
                           broken(5, FailureKind::reset, 1.05)});
  timeline.records[4].connected_s = 1.001;
  timeline.records[4].sent_s = 1.0012;
  return timeline;
}

}  // namespace made
