#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/kernel/process_limit.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"
#include "tcpserver/server/child/sessions.hpp"

#include "server/child/launcher.hpp"
#include "server/child/memory_guard.hpp"
#include "server/child/reaper.hpp"
#include "server/child/scoreboard.hpp"
#include "server/child/slot_table.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace tcpserver::server {

namespace {

SessionEnd decode_wait_status(int wait_status) noexcept {
  if (!WIFEXITED(wait_status)) {
    return WTERMSIG(wait_status) == SIGSYS ? SessionEnd::seccomp : SessionEnd::killed;
  }
  const int status = WEXITSTATUS(wait_status);
  const bool known = status < static_cast<int>(SessionEnd::drained);
  return known ? static_cast<SessionEnd>(status) : SessionEnd::broken;
}

class ForkedSessions final : public Sessions {
 public:
  ForkedSessions(const ServerOptions& options, Sandbox sandbox, base::SignalWindow& window,
                 SessionReporter& reporter, Counters& counters, Log& log)
      : options_(options),
        sandbox_(sandbox),
        window_(window),
        reporter_(reporter),
        counters_(counters),
        log_(log),
        memory_guard_(log),
        launcher_(make_launcher(place_)),
        slots_(options.max_connections),
        scoreboard_(options.max_connections, place_),
        reaper_(slots_, scoreboard_, options.reap) {
    if (options.reap != Reap::none) start_reaping();
  }
  ~ForkedSessions() override {
    if (reaping_) window_.start_reaping(base::unrecorded_collector());
  }

  [[nodiscard]] OpenSessions count(bool with_bytes) const noexcept override {
    OpenSessions sessions{
        .open = slots_.in_use(), .most = slots_.capacity(), .reaped = reaps_all_, .bytes = {}};
    if (with_bytes) {
      slots_.for_each_running([&](SlotTable::Slot slot) { sessions.bytes.add(scoreboard_[slot].claims()); });
    }
    return sessions;
  }

  [[nodiscard]] std::uint32_t count(const Host& host) const noexcept override { return slots_.count(host); }

  void resize(std::uint32_t max_connections) override {
    scoreboard_.reserve(max_connections);
    slots_.resize(max_connections);
  }

  void prepare() noexcept override {
    // Plus one, because the accept loop may open a spare descriptor.
    highest_descriptor_ = base::highest_open_descriptor() + 1;
    const char* problem = nullptr;
    try {
      const auto preparation = launcher_->prepare(scoreboard_);
      problem = preparation.problem;
      if (!preparation.works) {
        launcher_ = make_plain_launcher();
        slots_.hide_from_children();
      }
      if (reaping_) start_reaping();  // discards the SIGCHLD of the test child
    } catch (const std::exception&) {
      problem = "out of memory";
    }
    if (problem != nullptr && !std::exchange(inheritance_is_logged_, true))
      log_.warning({"memory_inherited", {{"reason", problem}}}, "children inherit the server's memory: %s",
                   problem);
  }

  [[nodiscard]] bool start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept override {
    auto facts = reporter_.describe(connection.get(), peer);
    const auto slot = slots_.take();
    auto& record = scoreboard_.clean(slot);
    const auto file = reporter_.open_recording(facts);
    memory_guard_.before_fork();
    const pid_t pid = launcher_->launch({.connection = connection.get(),
                                         .highest_descriptor = highest_descriptor_,
                                         .parent = own_pid_,
                                         .verb = options_.service.verb,
                                         .sandbox = sandbox_,
                                         .recording = reporter_.recording_in(file)},
                                        record);
    const int error = errno;
    memory_guard_.after_fork();
    if (pid < 0) {
      slots_.release(slot);
      reporter_.discard_recording(facts);
      counters_.refuse(std::move(connection), Refusal::fork_failed);
      log_fork_failure(error);
      return false;
    }
    slots_.enter(slot, pid, facts);
    reporter_.begin(facts, pid);
    return true;
  }

  [[nodiscard]] bool is_short_of_memory() noexcept override { return memory_guard_.is_short(); }

  bool collect_finished() noexcept override {
    bool any = false;
    while (const auto slot = slots_.next_ended()) {
      finish(*slot);
      any = true;
    }
    return any;
  }

  void reap_now() noexcept override {
    window_.deliver_pending_signals();
    static_cast<void>(collect_finished());
  }

  void begin_drain() noexcept override {
    if (reaps_all_) return;
    reaps_all_ = true;
    reaper_.reap_all();
    start_reaping();
  }

  void kill_all() noexcept override {
    killing_ = true;
    if (log_.has_details()) read_acknowledged();
    slots_.for_each_running([this](SlotTable::Slot slot) { ::kill(slots_[slot].pid, SIGKILL); });
  }

 private:
  // Reads how many bytes the clients have acknowledged. The kernel no longer knows after a reset. Allocates,
  // because no child is started any more.
  void read_acknowledged() noexcept {
    try {
      const auto key = [](const base::SocketAddress& local, const base::SocketAddress& peer) {
        return local.text() + ' ' + peer.text();
      };
      std::unordered_map<std::string, SlotTable::Slot> slots;
      std::optional<std::uint16_t> port;  // the server's port; 0 if sessions have several
      slots_.for_each_running([&](SlotTable::Slot slot) {
        const auto& facts = slots_[slot].facts;
        if (facts.local.port() == 0) return;  // unknown
        slots[key(facts.local, facts.peer)] = slot;
        port = port.value_or(facts.local.port()) == facts.local.port() ? facts.local.port() : 0;
      });
      if (!port) return;
      const auto visit = [&](const kernel::TcpSocket& socket) {
        const auto found = slots.find(key(socket.local.unmapped(), socket.peer.unmapped()));
        if (found == slots.end() || !socket.written) return;
        acknowledged_[found->second] = *socket.written - socket.send_queue;
      };
      if (!kernel::TcpSockets().for_each(kernel::TcpSockets::Kind::connections, *port, visit))
        acknowledged_.clear();
    } catch (const std::exception&) {
      acknowledged_.clear();
    }
  }

  void log_fork_failure(int error) noexcept {
    if (fork_failures_.suppresses(base::Clock::now())) return;
    const auto failure = kernel::explain_fork_failure(error);  // reads files
    LogEvent event{"fork_error", {{"errno", base::errno_name(error)}}};
    if (failure.limit != nullptr) {
      event.fields[1] = {"limit", failure.limit};
      event.fields[2] = {"value", failure.value};
    }
    log_.limited_warning(fork_failures_, event, "fork: %s; client reset, backing off", failure.text.c_str());
  }

  void start_reaping() noexcept {
    reaping_ = true;
    window_.start_reaping(reaper_);
  }

  void finish(SlotTable::Slot slot) noexcept {
    const auto& child = slots_[slot];
    auto end = decode_wait_status(child.wait_status);
    int signal = WIFSIGNALED(child.wait_status) ? WTERMSIG(child.wait_status) : 0;
    if (signal == SIGKILL && killing_) {
      end = SessionEnd::drained;
      signal = 0;
    }
    const auto acknowledged = acknowledged_.find(slot);
    reporter_.end(child.facts, child.pid, end, signal, scoreboard_[slot].claims(),
                  acknowledged != acknowledged_.end() ? std::optional(acknowledged->second) : std::nullopt);
    slots_.release(slot);
  }

  const ServerOptions& options_;  // a reload changes them
  Sandbox sandbox_;
  base::SignalWindow& window_;
  SessionReporter& reporter_;
  Counters& counters_;
  Log& log_;
  pid_t own_pid_ = ::getpid();
  int highest_descriptor_ = 0;  // that this process keeps open; set by prepare()
  MemoryGuard memory_guard_;
  AddressHints place_;  // of the memory that children use
  std::unique_ptr<Launcher> launcher_;
  SlotTable slots_;
  Scoreboard scoreboard_;
  Reaper reaper_;
  bool reaping_ = false;
  bool reaps_all_ = options_.reap == Reap::handler;  // false: zombies keep their slots
  bool inheritance_is_logged_ = false;
  bool killing_ = false;  // a child that dies of SIGKILL was killed by kill_all()
  std::unordered_map<SlotTable::Slot, std::uint64_t> acknowledged_;  // bytes of killed sessions, if known
  RateLimit fork_failures_{std::chrono::seconds(1)};
};

}  // namespace

std::unique_ptr<Sessions> make_forked_sessions(const ServerOptions& options, Sandbox sandbox,
                                               base::SignalWindow& window, SessionReporter& reporter,
                                               Counters& counters, Log& log) {
  return std::make_unique<ForkedSessions>(options, sandbox, window, reporter, counters, log);
}

}  // namespace tcpserver::server
