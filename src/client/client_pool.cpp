#include "client/client_pool.hpp"

#include "tcpserver/base/resolve.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/client/connection_engine.hpp"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

namespace tcpserver::client {

namespace {

using base::Clock;
using base::ExitStatus;
using base::PictureInPlace;
using base::SocketAddress;
using base::StartError;
using base::TerminalSize;
using base::TimePoint;
using State = Connection::State;

constexpr auto frame_time = std::chrono::milliseconds(50);
// Between two looks at those that are started.
constexpr auto between_looks = std::chrono::milliseconds(1);
constexpr std::size_t reply_buffer_size = 16UL * 1024;

// Where standard output is no terminal, and says nothing of its width.
constexpr std::size_t page_columns = 80;

struct Sentence {
  std::string sent;
  std::string expected;
  std::string failures{};  // of the addresses so far
  bool timed_out = false;  // one of them did not answer
};

class ClientPool final : private ConnectionHandler {
 public:
  ClientPool(const ClientOptions& options, const std::vector<SocketAddress>& addresses,
             const Watcher& watcher)
      : options_(options),
        addresses_(addresses),
        watcher_(watcher),
        engine_({.addresses = addresses,
                 .connections = options.clients,
                 .open = options.clients,
                 .buffer = reply_buffer_size,
                 .half_close = true,
                 .hold = options.delay,
                 .timeout = options.timeout,
                 .tick = frame_time},
                *this) {
    timeline_.server = base::plain_or_quoted(options.host) + " port " + std::to_string(options.port);
    timeline_.delay = options.delay;
    timeline_.lives.resize(options.clients);
    const auto verb = options.service.value_or(base::services[0]).verb;
    for (std::uint32_t i = 0; i < options.clients; ++i) {
      timeline_.lives[i].id = i + 1;
      timeline_.lives[i].slow = i < options.slow.value_or(0);
      Sentence sentence{
          .sent = options.message.value_or("sentence of client " + std::to_string(i + 1)) + "\n",
          .expected = {}};
      for (const char byte : sentence.sent) sentence.expected += base::reply_to(verb, byte);
      sentences_.push_back(std::move(sentence));
    }
  }

  PoolResult run() {
    const int signal = engine_.run();
    timeline_.now_s = seconds(Clock::now());
    timeline_.over = true;
    return {.timeline = std::move(timeline_), .signal = signal};
  }

 private:
  [[nodiscard]] double seconds(TimePoint at) const {
    return std::chrono::duration<double>(at - engine_.began()).count();
  }
  [[nodiscard]] ClientLife& life(const Connection& connection) {
    return timeline_.lives[connection.number - 1];
  }
  [[nodiscard]] const Sentence& sentence(const Connection& connection) const {
    return sentences_[connection.number - 1];
  }

  std::string_view bytes_to_send(const Connection& connection, std::uint64_t offset,
                                 std::size_t size) const override {
    return std::string_view(sentence(connection).sent).substr(offset, size);
  }
  std::string_view bytes_expected(const Connection& connection, std::uint64_t offset,
                                  std::size_t size) const override {
    return std::string_view(sentence(connection).expected).substr(offset, size);
  }

  // Looks from time to time at those that are started.
  TimePoint start_more() override {
    while (engine_.has_room()) {
      const auto now = Clock::now();
      if (now - engine_.now() >= between_looks) return now;
      auto& next = timeline_.lives[engine_.started()];
      next.started_s = seconds(now);
      engine_.open(sentences_[engine_.started()].sent.size(), now, next.slow);
    }
    return TimePoint::max();
  }

  void on_tick() override {
    timeline_.now_s = seconds(Clock::now());
    watcher_(timeline_);
  }

  void on_connecting(const Connection& connection) override {
    life(connection).dialled_s = seconds(Clock::now());
  }
  void on_connected(const Connection& connection) override {
    life(connection).connected_s = seconds(Clock::now());
  }
  void on_sent(const Connection& connection) override { life(connection).sent_s = seconds(Clock::now()); }
  void on_reply(Connection& connection) override {
    auto& its = life(connection);
    its.replied_s = std::max(seconds(engine_.now()), its.sent_s.value_or(0));
  }
  void on_closed(const Connection& connection) override { end(connection); }

  void on_address_failed(const Connection& connection, int error) override {
    auto& its = sentences_[connection.number - 1];
    its.timed_out = its.timed_out || error == ETIMEDOUT;
    its.failures += (its.failures.empty() ? "" : "; ") + addresses_[connection.address].text() + ": " +
                    base::error_text(error);
  }

  void on_failed(const Connection& connection, const Fault& fault) override {
    life(connection).failure = describe(connection, fault);
    life(connection).replied_s.reset();  // if there was one, it was not the right one after all
    end(connection);
  }

  void end(const Connection& connection) {
    auto& its = life(connection);
    its.ended_s = std::max(seconds(engine_.now()), its.replied_s.value_or(its.dialled_s));
  }

  Failure describe(const Connection& connection, const Fault& fault) {
    const auto& its = sentence(connection);
    if (connection.state == State::connecting) {
      const auto trouble = its.timed_out                 ? Trouble::timed_out
                           : fault.error == ECONNREFUSED ? Trouble::refused
                                                         : Trouble::not_connected;
      return {trouble, "cannot connect to " + its.failures};
    }
    switch (fault.kind) {
      case Fault::Kind::timed_out:
        return {Trouble::timed_out,
                (connection.state == State::ending ? "timed out: the server replied, and did not close for "
                                                   : "timed out: nothing from the server for ") +
                    base::duration_text(*options_.timeout)};
      case Fault::Kind::closed:
        return describe_close(connection);
      case Fault::Kind::wrong_bytes:
        return {Trouble::wrong_reply, "the reply is wrong: " + describe_difference(connection, fault.came)};
      case Fault::Kind::error:
        break;
    }
    const bool reset = fault.error == ECONNRESET || fault.error == EPIPE;
    return {reset ? Trouble::reset : Trouble::broken,
            "the connection broke: " + base::error_text(fault.error)};
  }

  static Failure describe_close(const Connection& connection) {
    const std::string closed = "the server closed the connection ";
    if (connection.sent < connection.size) return {Trouble::closed, closed + "before the sentence was sent"};
    if (connection.received == 0) return {Trouble::no_reply, closed + "without a reply"};
    return {Trouble::short_reply, closed + "after " + std::to_string(connection.received) + " of " +
                                      std::to_string(connection.size) + " bytes"};
  }

  [[nodiscard]] std::string describe_difference(const Connection& connection, std::string_view came) const {
    const auto all_expected = std::string_view(sentence(connection).expected).substr(connection.received);
    const auto head = came.substr(0, all_expected.size());
    const auto expected = all_expected.substr(0, head.size());
    if (head != expected) {
      const auto sent = std::string_view(sentence(connection).sent).substr(connection.received);
      const auto* const other = base::find_service(sent, head);
      return base::in_quotes(head) + " where " + base::in_quotes(expected) + " was expected" +
             (other == nullptr ? "" : " (--service " + std::string(other->name) + "?)");
    }
    const auto received = connection.received + came.size();
    const std::string sizes = std::to_string(received) + " bytes of ";
    if (received > connection.size)
      return "more came back than was sent, " + sizes + std::to_string(connection.sent);
    return sizes + std::to_string(connection.size) + " came before they were sent";
  }

  const ClientOptions& options_;
  const std::vector<SocketAddress>& addresses_;
  const Watcher& watcher_;
  ConnectionEngine engine_;
  Timeline timeline_;
  std::vector<Sentence> sentences_;
};

std::vector<std::string> chart_for(const Timeline& timeline, std::size_t columns, std::size_t rows) {
  return chart(timeline, {.columns = columns, .most_rows = rows}, base::colours_wanted());
}

// As it happens, all of it on the screen.
std::string live_chart(PictureInPlace& place, const Timeline& timeline, TerminalSize size) {
  constexpr std::size_t taken = chart_frame + 1;  // a row is left for the cursor
  const std::size_t room = std::max(size.rows, taken + 1) - taken;
  return place.draw(chart_for(timeline, size.columns, std::min(room, most_chart_rows)), size);
}

// In the end, with the summary. `terminal`: what standard output is, if it is one.
std::string last_chart(PictureInPlace& place, const Timeline& timeline,
                       std::optional<TerminalSize> terminal) {
  const std::size_t columns = terminal ? terminal->columns : page_columns;
  const auto lines = chart_for(timeline, columns, most_chart_rows);
  return (terminal ? place.finish(lines, *terminal) : base::joined(lines)) +
         base::joined(base::wrapped(summary(timeline), columns - 1));
}

}  // namespace

PoolResult run_clients(const ClientOptions& options, const std::vector<SocketAddress>& addresses,
                       const Watcher& watcher) {
  need_descriptors("--clients", options.clients);
  return ClientPool(options, addresses, watcher).run();
}

ExitStatus run_many_clients(const ClientOptions& options) {
  std::optional<TimePoint> deadline;
  if (options.timeout) deadline = Clock::now() + *options.timeout;
  const auto addresses = base::resolve(options.host, options.port, deadline);

  // Asked anew each time: a terminal's size changes.
  const auto terminal = [&options] { return options.json ? std::nullopt : base::terminal_size(); };
  PictureInPlace place;
  base::FrameWriter frames;
  const auto result = run_clients(options, addresses, [&](const Timeline& timeline) {
    const auto size = terminal();
    if (size && frames.ready()) frames.write(live_chart(place, timeline, *size));
  });
  const Timeline& timeline = result.timeline;
  const auto text = options.json ? timeline_json(timeline) : last_chart(place, timeline, terminal());
  if (result.signal != 0) {
    // Whoever asks for an end gets one, even where nobody reads.
    static_cast<void>(frames.write_within(text, std::chrono::seconds(1)));
    ::raise(result.signal);
  }
  base::print(frames.take_rest() + text);
  for (const auto& life : timeline.lives) {
    if (!life.failure) continue;
    throw StartError(facts_about(life.failure->trouble).exit_status,
                     "client " + std::to_string(life.id) + ": " + life.failure->sentence);
  }
  return ExitStatus::ok;
}

}  // namespace tcpserver::client
