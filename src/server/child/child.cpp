#include "server/child/child.hpp"

#include "tcpserver/base/process.hpp"
#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/server/session/session.hpp"

namespace tcpserver::server {

// Not instrumented: before a call that does not return, the address sanitizer looks up the stack's limits by
// system calls, which the sandbox forbids.
__attribute__((no_sanitize("address"))) void run_child(const ChildTask& task,
                                                       SessionRecord& record) noexcept {
  base::close_all_but(task.connection, task.recording.descriptor, task.highest_descriptor);
  auto end = SessionEnd::sandbox_refused;
  if (!base::die_with_parent(task.parent)) base::exit_child(static_cast<int>(SessionEnd::drained));
  // A child counts what it writes, but a compromised child need not.
  if (task.recording.descriptor >= 0 && task.recording.room != no_file_limit)
    static_cast<void>(base::limit_file_size(task.recording.room));
  const auto entered = enter_sandbox_with_linger(task.sandbox);
  if (entered.sandbox)
    end = run_session(task.connection, task.service, record, nullptr, task.recording, entered.can_set_linger);
  ScoreboardPage::announce_end(record);
  base::exit_child(static_cast<int>(end));
}

}  // namespace tcpserver::server
