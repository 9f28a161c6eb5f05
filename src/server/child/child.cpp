#include "tcpserver/server/child.hpp"

#include "tcpserver/posix/process.hpp"
#include "tcpserver/server/session.hpp"
#include "tcpserver/server/signal_window.hpp"

namespace tcpserver::server {

// Not instrumented: before a call that does not return, the address sanitizer looks up the stack's limits by
// system calls, which the sandbox forbids.
__attribute__((no_sanitize("address"))) void run_child(const ChildTask& task,
                                                       SessionRecord& record) noexcept {
  posix::close_all_but(task.connection, task.recording.descriptor, task.highest_descriptor);
  SignalWindow::reset_for_child();
  auto end = SessionEnd::sandbox_refused;
  if (!posix::die_with_parent(task.parent)) posix::exit_child(static_cast<int>(SessionEnd::drained));
  // A child counts what it writes, but a compromised child need not.
  if (task.recording.descriptor >= 0 && task.recording.room != no_file_limit)
    static_cast<void>(posix::limit_file_size(task.recording.room));
  const auto entered = enter_sandbox_with_linger(task.sandbox);
  if (entered.sandbox)
    end = run_session(task.connection, task.service, record, nullptr, task.recording, entered.can_set_linger);
  ScoreboardPage::announce_end(record);
  posix::exit_child(static_cast<int>(end));
}

}  // namespace tcpserver::server
