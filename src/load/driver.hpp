#pragma once

#include "tcpserver/client/connection_engine.hpp"

#include "load/options.hpp"
#include "load/pattern.hpp"
#include "load/result.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace tcpserver::load {

// What every connection of a run does, and how many there are. The modes of the command line differ in this
// alone.
struct Script {
  std::uint64_t connections;           // in all
  std::uint32_t open;                  // at a time, at most
  std::uint32_t busy;                  // of these, those that connect or wait for an answer, at most
  std::uint64_t size;                  // bytes of a round
  std::uint64_t rounds;                // of each connection
  bool until_end;                      // half-closes after the last byte, and waits for the server's close
  std::optional<base::Duration> hold;  // between the first round and the second, once all are open
  std::optional<base::Duration> interval;  // between two starts; nullopt: as soon as there is a place
  bool timed;                              // rounds have latencies
};
[[nodiscard]] Script make_script(const LoadOptions& options);

// Addresses of 127.0.0.0/8, 127.0.0.1 first. `sources`: how many; of the server's addresses only those in
// 127.0.0.0/8 remain then. Throws StartError (usage) if there is none.
[[nodiscard]] std::vector<base::SocketAddress> make_sources(std::vector<base::SocketAddress>& addresses,
                                                            std::uint32_t sources);

// Plays a script on the connection engine, and counts.
class Driver final : private client::ConnectionHandler {
 public:
  struct Watcher {
    std::function<void(const Result&)> tick;     // from time to time, while connections come and go
    std::function<void(const Result&)> holding;  // all are open, and are now held
  };

  // Throws StartError (system, or usage for --sources).
  Driver(const LoadOptions& options, std::vector<base::SocketAddress> addresses, Watcher watcher);

  // Until the end, until nothing moves for the time-out, or until a signal. Never throws for what a server
  // does: that is in the result.
  [[nodiscard]] Result run();

 private:
  using Connection = client::Connection;

  [[nodiscard]] std::string_view bytes_to_send(const Connection& connection, std::uint64_t offset,
                                               std::size_t size) const override;
  [[nodiscard]] std::string_view bytes_expected(const Connection& connection, std::uint64_t offset,
                                                std::size_t size) const override;
  base::TimePoint start_more() override;
  void on_tick() override;
  void on_reply(Connection& connection) override;
  void on_failed(const Connection& connection, const client::Fault& fault) override;
  void on_closed(const Connection& connection) override;

  [[nodiscard]] bool may_start();
  [[nodiscard]] bool asking_again() const noexcept;
  void ask_next_parked();
  void watch_hold();
  [[nodiscard]] std::string describe(const Connection& connection, const client::Fault& fault) const;

  const LoadOptions& options_;
  const Script script_;
  const Watcher watcher_;
  Pattern pattern_;
  client::ConnectionEngine engine_;
  Result result_;
  std::optional<base::TimePoint> hold_until_;
  std::uint32_t asked_again_ = 0;  // slots below this one; with hold, after it
};

}  // namespace tcpserver::load
