#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/server/admit/accept_loop.hpp"
#include "tcpserver/server/child/context.hpp"
#include "tcpserver/server/child/sessions.hpp"
#include "tcpserver/server/confine/sandbox.hpp"
#include "tcpserver/server/listen/listener.hpp"
#include "tcpserver/server/listen/overflow_watch.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/counters.hpp"
#include "tcpserver/server/report/metrics_writer.hpp"

#include "server/daemon/reload.hpp"
#include "server/daemon/systemd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::server {

// Reads the command again, its configuration file with it; throws as parse_server_command does.
using ReadCommand = std::function<ServerCommand()>;

// One running daemon, from listening to the end of its last session. Members stand in the order in which they
// are made.
class Server final : private Upkeep {
 public:
  // Listens, or takes over what a service manager listens on, and tries the sandbox. Throws StartError.
  // `window` and `log` must outlive it.
  Server(const ServerCommand& command, ReadCommand read_again, base::SignalWindow& window, Log& log);

  // The directories that stay writable after drop_privileges().
  [[nodiscard]] std::vector<KeptFolder> writable_folders() const;

  // After the rights were given up: what is to be written while it serves is written a first time. Throws
  // StartError (cannot_create) where it cannot be.
  void try_outputs();

  // Says that clients are accepted from now on. `output_closed`: whoever started it closed standard output,
  // and /dev/null has its place.
  void say_ready(bool output_closed) noexcept;

  // Serves until a stop is asked for, then drains: status ok; or until no listener works any more: system.
  base::ExitStatus run();

 private:
  std::vector<Listener> listen();
  std::unique_ptr<Sessions> make_sessions();
  std::vector<Listener> bind_listeners();
  std::vector<Listener> take_over_listeners(int count);
  void explain_lesson_mode() noexcept;
  void announce(bool output_closed) noexcept;
  void after_wait() noexcept override;
  void before_closing() noexcept override;
  [[nodiscard]] std::optional<base::TimePoint> due() const noexcept override;
  [[nodiscard]] OverflowScene scene() const noexcept;
  [[nodiscard]] StatusText status() noexcept;
  [[nodiscard]] int backlog_of(const ServerOptions& options) const noexcept;
  void log_backlog(const Listener& listener) noexcept;
  void log_status() noexcept;
  [[nodiscard]] MetricsFigures metrics_figures() noexcept;
  void keep_metrics() noexcept;
  void begin_to_stop() noexcept;
  [[nodiscard]] std::uint64_t events() const noexcept;
  [[nodiscard]] ServiceStatus service_status() noexcept;
  void reload() noexcept;
  void put_in_force(Reload&& reload) noexcept;

  ServerOptions options_;  // those in force now
  ReadCommand read_again_;
  base::SignalWindow& window_;
  Log& log_;
  Counters counters_;
  std::optional<Recorder> recorder_;
  Context context_;
  ServiceManager manager_;
  std::uint64_t reloads_ = 0;
  bool reload_failed_ = false;  // the last one
  bool stopping_ = false;
  std::optional<int> inherited_backlog_;  // where the listeners are a service manager's: what it asked for
  std::string ports_;                     // "port 80", or "ports 80, 8080" of a service manager's sockets
  std::vector<Listener> listening_;       // until the loop has them
  OverflowWatch overflows_;
  std::unique_ptr<Sessions> sessions_;
  AcceptLoop loop_;
  std::optional<MetricsWriter> metrics_;
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
};

}  // namespace tcpserver::server
