#include "server/daemon/status.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include "server/daemon/find_servers.hpp"
#include "server/daemon/session_table.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>

namespace tcpserver::server {

namespace {

using kernel::HeldSockets;
using kernel::ProcessFacts;
using kernel::TcpSocket;
using kernel::TcpSockets;

std::vector<TcpSocket> all_listeners(TcpSockets& sockets) {
  std::vector<TcpSocket> listeners;
  const bool told = sockets.for_each(TcpSockets::Kind::listeners, 0,
                                     [&](const TcpSocket& socket) { listeners.push_back(socket); });
  if (!told) throw_unknown();
  return listeners;
}

// A server's sessions while they are found out. Everything is looked up by inode, once: there may be tens of
// thousands.
class SessionSearch {
 public:
  SessionSearch(const ProcessFacts& server, const Processes& processes)
      : server_(server), now_(kernel::time_since_boot()) {
    own_ = inodes_of(server).value_or(std::vector<std::uint64_t>{});
    for (const auto& process : processes) {
      // What it has adopted is no session (process 1 of a container).
      if (process.parent != server.pid || process.name != server.name) continue;
      if (const auto inodes = inodes_of(process)) add_child(process, *inodes);
    }
    // With children, what the server has itself is a connection whose child is about to be made.
    if (!sessions_.empty()) return;
    for (const auto inode : own_) places_.try_emplace(inode, its_own);
  }

  [[nodiscard]] bool has(std::uint64_t inode) const {
    return std::find(own_.begin(), own_.end(), inode) != own_.end();
  }

  void add(const TcpSocket& socket, bool of_its_ports) {
    const auto place = places_.find(socket.inode);
    if (place == places_.end()) return;
    if (place->second != its_own) {
      sessions_[place->second].connection = snapshot_of(socket);
    } else if (of_its_ports) {  // --mode iterative; other ports are connections of its own
      sessions_.push_back(
          {.pid = server_.pid, .age = std::nullopt, .connection = snapshot_of(socket), .zombie = false});
    }
    places_.erase(place);
  }

  // Whether a child has a socket that no look has found yet.
  [[nodiscard]] bool misses_any() const {
    return std::any_of(places_.begin(), places_.end(), [this](const auto& place) {
      return place.second != its_own && !sessions_[place.second].connection;
    });
  }

  // Those that ended meanwhile are left out.
  [[nodiscard]] std::vector<SessionSnapshot> take() {
    std::vector<SessionSnapshot> present;
    present.reserve(sessions_.size());
    for (auto& session : sessions_) {
      if (!session.connection) {
        const auto now = kernel::process_facts(session.pid);
        if (!now || now->parent != server_.pid) continue;
        session.zombie = now->state == 'Z';
      }
      present.push_back(std::move(session));
    }
    sort_by_age(present);
    return present;
  }

 private:
  static constexpr std::size_t its_own = SIZE_MAX;

  static std::optional<std::vector<std::uint64_t>> inodes_of(const ProcessFacts& process) {
    auto held = kernel::sockets_held_by(process.pid);
    if (held.sight == HeldSockets::Sight::hidden)
      throw_no_right("the connections of " + format_process(process));
    if (held.sight == HeldSockets::Sight::gone) return std::nullopt;
    return std::move(held.inodes);
  }

  static ConnectionSnapshot snapshot_of(const TcpSocket& socket) {
    return {.peer = socket.peer,
            .local = socket.local,
            .state = kernel::tcp_state_name(socket.state),
            .received = socket.received,
            .sent = socket.written,
            .receive_queue = socket.receive_queue,
            .send_queue = socket.send_queue};
  }

  void add_child(const ProcessFacts& process, const std::vector<std::uint64_t>& inodes) {
    const auto place = sessions_.size();
    sessions_.push_back({.pid = process.pid,
                         .age = kernel::age_of(process, now_),
                         .connection = std::nullopt,
                         .zombie = false});
    for (const auto inode : inodes) places_.try_emplace(inode, place);
  }

  ProcessFacts server_;
  base::Duration now_;
  std::vector<std::uint64_t> own_;
  std::vector<SessionSnapshot> sessions_;
  std::unordered_map<std::uint64_t, std::size_t> places_;  // by inode, of those not found yet
};

std::vector<std::uint16_t> ports_of(const std::vector<ListenerSnapshot>& listeners) {
  std::vector<std::uint16_t> ports;
  for (const auto& listener : listeners) ports.push_back(listener.local.port());
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  return ports;
}

ServerSnapshot snapshot_of(const ProcessFacts& server, const std::vector<TcpSocket>& listeners,
                           const Processes& processes, TcpSockets& sockets) {
  ServerSnapshot snapshot;
  snapshot.pid = server.pid;
  snapshot.age = kernel::age_of(server, kernel::time_since_boot());
  snapshot.started = std::chrono::system_clock::now() -
                     std::chrono::duration_cast<std::chrono::system_clock::duration>(snapshot.age);
  SessionSearch search(server, processes);
  for (const auto& listener : listeners) {
    if (!search.has(listener.inode)) continue;
    snapshot.listeners.push_back(
        {.local = listener.local, .length = listener.receive_queue, .limit = listener.send_queue});
  }
  const auto look = [&](std::uint16_t port, bool of_its_ports) {
    const bool told = sockets.for_each(TcpSockets::Kind::connections, port,
                                       [&](const TcpSocket& socket) { search.add(socket, of_its_ports); });
    if (!told) throw_unknown();
  };
  for (const auto port : ports_of(snapshot.listeners)) look(port, true);
  // Of a server that listens no more, or of a port that it lost: among all sockets of the machine.
  const bool has_stopped = snapshot.listeners.empty();
  if (has_stopped || search.misses_any()) look(0, has_stopped);
  snapshot.sessions = search.take();
  return snapshot;
}

std::vector<ServerSnapshot> look_at_servers(const ServerOptions& options) {
  TcpSockets sockets;
  const auto listeners = all_listeners(sockets);
  const auto processes = kernel::all_processes();
  if (!processes) throw_unknown();
  const auto servers = find_servers(options, listeners, *processes);
  std::vector<ServerSnapshot> snapshots;
  snapshots.reserve(servers.size());
  for (const auto& server : servers) snapshots.push_back(snapshot_of(server, listeners, *processes, sockets));
  return snapshots;
}

}  // namespace

std::string format_status(const ServerCommand& command) {
  for (const auto& warning : command.warnings) {
    static_cast<void>(base::write_all(STDERR_FILENO, "tcpserver: " + warning + "\n"));
  }
  const auto& options = command.options;
  if (options.port == 0 && options.pid_file.empty()) {
    throw base::StartError(base::ExitStatus::usage,
                           "--status: --port 0 says not which server: give its --port or its --pid-file");
  }
  const auto servers = look_at_servers(options);
  return options.log_format == LogFormat::json ? session_tables_json(servers) : session_tables(servers);
}

}  // namespace tcpserver::server
