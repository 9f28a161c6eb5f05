#include "client/client_pool.hpp"

#include "tcpserver/base/resolve.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/client/connection_engine.hpp"

#include <algorithm>
#include <cerrno>

namespace tcpserver::client {

namespace {

using base::Clock;
using base::SocketAddress;
using base::TimePoint;
using State = Connection::State;
using Watcher = std::function<void(const Timeline&)>;

constexpr auto frame_time = std::chrono::milliseconds(50);
// While clients are being started, the others are served this often.
constexpr auto serve_interval = std::chrono::milliseconds(1);
constexpr std::size_t reply_buffer_size = 16UL * 1024;
constexpr std::size_t page_columns = 80;  // if standard output is no terminal

struct Sentence {
  std::string sent;
  std::string expected;
  ConnectErrors connect_errors;
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
    const bool brackets = options.host.find(':') != std::string::npos;  // IPv6 (RFC 5952, section 6)
    timeline_.server = base::quote_unless_plain(brackets ? "[" + options.host + "]" : options.host) + ":" +
                       std::to_string(options.port);
    timeline_.delay = options.delay;
    sentences_.resize(options.clients);
    const auto verb = options.service.value_or(base::services[0]).verb;
    for (std::uint32_t id = 1; id <= options.clients; ++id) {
      auto& record = timeline_.records.emplace_back();
      record.id = id;
      record.slow = id <= options.slow.value_or(0);
      auto& [sent, expected, connect_errors] = sentences_[id - 1];
      sent = options.message.value_or("sentence of client " + std::to_string(id)) + "\n";
      for (const char byte : sent) expected += base::reply_to(verb, byte);
    }
  }

  Timeline run() {
    timeline_.signal = engine_.run();
    timeline_.now_s = now();
    timeline_.finished = true;
    return std::move(timeline_);
  }

 private:
  [[nodiscard]] double seconds(TimePoint at) const {
    return std::chrono::duration<double>(at - engine_.start_time()).count();
  }
  [[nodiscard]] double now() const { return seconds(Clock::now()); }
  [[nodiscard]] ClientRecord& record(const Connection& connection) {
    return timeline_.records[connection.number - 1];
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

  TimePoint open_due() override {
    while (engine_.can_open()) {
      const auto now = Clock::now();
      if (now - engine_.now() >= serve_interval) return now;
      auto& next = timeline_.records[engine_.started()];
      next.started_s = seconds(now);
      engine_.open(sentences_[engine_.started()].sent.size(), now, next.slow);
    }
    return TimePoint::max();
  }

  void on_tick() override {
    timeline_.now_s = now();
    watcher_(timeline_);
  }

  void on_connecting(const Connection& connection) override { record(connection).connecting_s = now(); }
  void on_connected(const Connection& connection) override { record(connection).connected_s = now(); }
  void on_sent(const Connection& connection) override { record(connection).sent_s = now(); }
  void on_reply(Connection& connection) override {
    auto& entry = record(connection);
    entry.replied_s = std::max(seconds(engine_.now()), entry.sent_s.value_or(0));
  }
  void on_closed(const Connection& connection) override {
    auto& entry = record(connection);
    entry.ended_s = std::max(seconds(engine_.now()), entry.replied_s.value_or(entry.connecting_s));
  }

  void on_address_failed(const Connection& connection, int error) override {
    sentences_[connection.number - 1].connect_errors.add(addresses_[connection.address], error);
  }

  void on_failed(const Connection& connection, const Fault& fault) override {
    record(connection).failure = describe(connection, fault);
    record(connection).replied_s.reset();  // a correct reply may be followed by extra bytes
    on_closed(connection);
  }

  Failure describe(const Connection& connection, const Fault& fault) {
    if (connection.state == State::connecting) {
      const auto& errors = sentence(connection).connect_errors;
      const auto other = fault.error == ECONNREFUSED ? FailureKind::refused : FailureKind::not_connected;
      return {errors.timed_out() ? FailureKind::timed_out : other, errors.text()};
    }
    switch (fault.kind) {
      case Fault::Kind::timed_out:
        return {FailureKind::timed_out,
                (connection.state == State::ending ? "timed out: the server replied but did not close for "
                                                   : "timed out: no progress for ") +
                    base::format_duration(*options_.timeout)};
      case Fault::Kind::closed: {
        const std::string closed = "the server closed the connection ";
        if (connection.sent < connection.size)
          return {FailureKind::closed, closed + "before the sentence was sent"};
        if (connection.received == 0) return {FailureKind::no_reply, closed + "without a reply"};
        return {FailureKind::short_reply, closed + "after " + std::to_string(connection.received) + " of " +
                                              std::to_string(connection.size) + " bytes"};
      }
      case Fault::Kind::wrong_bytes:
        return {FailureKind::wrong_reply, "wrong reply: " + describe_difference(connection, fault.bytes)};
      case Fault::Kind::error:
        break;
    }
    const bool reset = fault.error == ECONNRESET || fault.error == EPIPE;
    return {reset ? FailureKind::reset : FailureKind::broken,
            "connection lost: " + base::error_text(fault.error)};
  }

  [[nodiscard]] std::string describe_difference(const Connection& connection, std::string_view bytes) const {
    const auto rest = std::string_view(sentence(connection).expected).substr(connection.received);
    const auto head = bytes.substr(0, rest.size());
    const auto expected = rest.substr(0, head.size());
    if (head != expected) {
      const auto sent = std::string_view(sentence(connection).sent).substr(connection.received);
      const auto* const other = base::find_service(sent, head);
      return "received " + base::quote(head) + ", expected " + base::quote(expected) +
             (other == nullptr ? "" : " (try --service " + std::string(other->name) + ")");
    }
    const auto received = connection.received + bytes.size();
    const std::string text = "received " + std::to_string(received) + " bytes";
    if (received > connection.size) return text + ", expected " + std::to_string(connection.size);
    return text + " before they were sent";
  }

  const ClientOptions& options_;
  const std::vector<SocketAddress>& addresses_;
  const Watcher& watcher_;
  ConnectionEngine engine_;
  Timeline timeline_;
  std::vector<Sentence> sentences_;
};

}  // namespace

Timeline run_clients(const ClientOptions& options, const std::vector<SocketAddress>& addresses,
                     const Watcher& watcher) {
  require_descriptors("--clients", options.clients);
  return ClientPool(options, addresses, watcher).run();
}

base::ExitStatus run_many_clients(const ClientOptions& options) {
  const auto deadline = options.timeout ? std::optional(Clock::now() + *options.timeout) : std::nullopt;
  const auto addresses = base::resolve(options.host, options.port, deadline);

  // Called for each frame, because the size of the terminal may change.
  const auto terminal = [&options] { return options.json ? std::nullopt : base::terminal_size(); };
  base::PictureInPlace place;
  base::FrameWriter frames;
  const auto timeline = run_clients(options, addresses, [&](const Timeline& so_far) {
    const auto size = terminal();
    if (!size || !frames.ready()) return;
    constexpr std::size_t other_rows = chart_frame + 1;  // the cursor needs a row
    const auto rows = std::min(std::max(size->rows, other_rows + 1) - other_rows, max_chart_rows);
    frames.write(place.draw(draw_chart(so_far, size->columns, rows, base::colours_wanted()), *size));
  });
  std::string text;
  const bool connected = timeline.signal != 0 || !none_could_connect(timeline);
  const auto size = terminal();
  if (options.json) {
    text = format_timeline_json(timeline);
  } else if (!connected) {
    if (size) text = place.draw({}, *size);
  } else {
    const std::size_t columns = size ? size->columns : page_columns;
    const auto lines = draw_chart(timeline, columns, max_chart_rows, base::colours_wanted());
    text = (size ? place.finish(lines, *size) : base::join_lines(lines)) +
           base::wrap_lines(summarize(timeline), base::prose_width().value_or(page_columns - 1)) + "\n";
  }
  if (timeline.signal != 0) frames.end_by_signal(text, timeline.signal);
  base::print(frames.take_unwritten() + text);
  for (const auto& record : timeline.records) {
    if (!record.failure) continue;
    throw base::StartError(
        find_facts(record.failure->kind).exit_status,
        (connected ? "client " + std::to_string(record.id) + ": " : "") + record.failure->message);
  }
  return base::ExitStatus::ok;
}

}  // namespace tcpserver::client
