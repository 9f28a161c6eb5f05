#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/server/admit/acceptor.hpp"
#include "tcpserver/server/child/sessions.hpp"
#include "tcpserver/server/confine/privileges.hpp"
#include "tcpserver/server/listen/listeners.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/counters.hpp"
#include "tcpserver/server/report/log.hpp"
#include "tcpserver/server/report/recorder.hpp"
#include "tcpserver/server/report/session_report.hpp"

#include "server/daemon/housekeeping.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace tcpserver::server {

// Reads the command line and the configuration file again. Throws like parse_server_command.
using ReadCommand = std::function<ServerCommand()>;

// The daemon, from listening to the end of its last session. A member depends only on members declared before
// it.
class Server final : private SessionWaiter {
 public:
  // Listens and tries the sandbox. Throws StartError. `window` and `log` must outlive this object.
  Server(const ServerCommand& command, ReadCommand read_again, base::SignalWindow& window, Log& log);

  // Returns the directories that must stay writable after drop_privileges().
  [[nodiscard]] std::vector<WritableDir> writable_directories() const;

  // Checks that files can be written with the remaining privileges. Throws StartError (cannot_create).
  void try_outputs();

  // Announces that clients are accepted. `output_closed` is true if standard output was closed at the start.
  void announce(bool output_closed) noexcept;

  // Serves until a stop request, then drains: returns ok. Returns `system` if no listener is left.
  base::ExitStatus run();

 private:
  std::unique_ptr<Sessions> make_sessions();
  void explain_lesson_mode() noexcept;
  void log_start() noexcept;
  void do_periodic_work() noexcept;
  [[nodiscard]] Result wait(int connection, short events,
                            std::optional<base::TimePoint> deadline) noexcept override;
  void stop_listening() noexcept;
  void drain() noexcept;
  void wait_for_sessions(base::TimePoint deadline, int stop_requests) noexcept;
  void log_draining(std::uint32_t open) noexcept;
  void reload() noexcept;
  void apply(ServerOptions&& read);
  void listen_again() noexcept;

  ServerOptions options_;  // in force; changed by a reload
  ReadCommand read_again_;
  base::SignalWindow& window_;
  Log& log_;
  Counters counters_;
  std::optional<Recorder> recorder_;
  SessionReporter reporter_;
  Listeners listeners_;
  std::unique_ptr<Sessions> sessions_;
  Acceptor acceptor_;
  Housekeeping housekeeping_;
  std::optional<base::TimePoint> drain_deadline_;  // used by the iterative server
  bool stopping_ = false;
};

}  // namespace tcpserver::server
