#include "server/daemon/status.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include "server/daemon/pid_file.hpp"
#include "server/daemon/session_table.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>
#include <unordered_map>

namespace tcpserver::server {

namespace {

using base::ExitStatus;
using kernel::HeldSockets;
using kernel::ProcessFacts;
using kernel::TcpSocket;
using kernel::TcpSockets;
using Processes = std::vector<ProcessFacts>;
using Inodes = std::vector<std::uint64_t>;

[[noreturn]] void fail(ExitStatus status, const std::string& why) {
  throw base::StartError(status, "--status: " + why);
}

[[noreturn]] void fail_unknown() {
  fail(ExitStatus::unavailable, "cannot list connections: /proc or sock_diag(7) is not available");
}

[[noreturn]] void fail_no_permission(const std::string& object) {
  fail(ExitStatus::no_permission,
       "cannot see " + object +
           (::geteuid() == 0 ? ": CAP_SYS_PTRACE is missing"
                             : ": permission denied; run as root, or as the user who started the server"));
}

std::string format_process(const ProcessFacts& process) {
  return process.name + " (pid " + std::to_string(process.pid) + ")";
}

bool contains(const auto& values, const auto& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool is_same_file(const std::string& one, const std::string& other) {
  struct stat first {};
  struct stat second {};
  return ::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Returns true if the process is named tcpserver, or if it is this program under another name.
bool is_tcpserver(const ProcessFacts& process) {
  return process.name == "tcpserver" ||
         is_same_file("/proc/" + std::to_string(process.pid) + "/exe", "/proc/self/exe");
}

// Returns the processes named tcpserver. Those with a parent in this set are sessions.
std::set<pid_t> find_named(const Processes& processes) {
  std::set<pid_t> named;
  for (const auto& process : processes) {
    if (process.name == "tcpserver") named.insert(process.pid);
  }
  return named;
}

bool matches_options(const TcpSocket& socket, const ServerOptions& options) {
  auto address = socket.local.unmapped();
  address.set_port(0);
  if (socket.local.port() != options.port) return false;
  if (options.bind.empty() || contains(options.bind, address)) return true;
  const bool is_listener = socket.state == kernel::tcp_state_listen;
  return !is_listener && contains(options.bind, base::SocketAddress::any(address.family(), 0));
}

std::string format_place(const ServerOptions& options) {
  std::string place;
  for (auto address : options.bind) {
    address.set_port(options.port);
    place += (place.empty() ? "" : " or ") + address.text();
  }
  return place.empty() ? "port " + std::to_string(options.port) : place;
}

struct Holders {
  Processes processes;
  bool any_hidden = false;  // this user may not see the descriptors of some process
};

// Finds the processes that hold these listeners open. Reads likely servers first: if they hold all listeners,
// the descriptors of thousands of sessions and of other processes need not be read. Otherwise reads all
// processes, because the server may have another name.
Holders find_holders(std::set<std::uint64_t> listeners, Processes processes) {
  const auto named = find_named(processes);
  const auto unlikely =
      std::stable_partition(processes.begin(), processes.end(), [&named](const ProcessFacts& process) {
        return process.name == "tcpserver" && !named.contains(process.parent);
      });
  Holders holders;
  auto missing = listeners;
  for (auto process = processes.begin(); process != processes.end(); ++process) {
    if (process == unlikely && missing.empty()) break;
    if (process->pid == ::getpid()) continue;
    const auto held = kernel::sockets_held_by(process->pid);
    holders.any_hidden = holders.any_hidden || held.sight == HeldSockets::Sight::hidden;
    bool holds = false;
    for (const auto inode : held.inodes) {
      holds = holds || listeners.contains(inode);
      missing.erase(inode);
    }
    if (holds) holders.processes.push_back(*process);
  }
  return holders;
}

// Finds the servers that have closed their listeners and still have sessions on the port.
Processes find_draining_servers(const ServerOptions& options, const std::vector<TcpSocket>& listeners,
                                const Processes& processes, TcpSockets& sockets) {
  const auto holds_any = [](const ProcessFacts& process, const std::set<std::uint64_t>& inodes) {
    const auto held = kernel::sockets_held_by(process.pid).inodes;
    return std::any_of(held.begin(), held.end(), [&](auto inode) { return inodes.contains(inode); });
  };
  const auto named = find_named(processes);
  std::set<std::uint64_t> listening;
  for (const auto& listener : listeners) listening.insert(listener.inode);
  Processes servers;
  std::copy_if(processes.begin(), processes.end(), std::back_inserter(servers), [&](const auto& process) {
    return process.pid != ::getpid() && !named.contains(process.parent) && is_tcpserver(process) &&
           !holds_any(process, listening);
  });
  if (servers.empty()) return servers;
  std::set<std::uint64_t> connections;
  const bool complete =
      sockets.for_each(TcpSockets::Kind::connections, options.port, [&](const TcpSocket& socket) {
        if (matches_options(socket, options)) connections.insert(socket.inode);
      });
  if (!complete) fail_unknown();
  std::erase_if(servers, [&](const ProcessFacts& server) {
    return std::none_of(processes.begin(), processes.end(), [&](const ProcessFacts& process) {
      return (process.pid == server.pid || process.parent == server.pid) && holds_any(process, connections);
    });
  });
  return servers;
}

Processes find_servers_on_port(const ServerOptions& options, const std::vector<TcpSocket>& listeners,
                               const Processes& processes, TcpSockets& sockets) {
  const auto place = format_place(options);
  std::set<std::uint64_t> inodes;
  for (const auto& listener : listeners) {
    if (matches_options(listener, options)) inodes.insert(listener.inode);
  }
  auto servers = find_draining_servers(options, listeners, processes, sockets);
  if (inodes.empty() && !servers.empty()) return servers;
  if (inodes.empty()) {
    fail(ExitStatus::unavailable,
         "nothing is listening on " + place +
             (::geteuid() == 0 ? "" : "; run as root to see a server of another user that is stopping"));
  }
  const auto holders = find_holders(inodes, processes);
  std::copy_if(holders.processes.begin(), holders.processes.end(), std::back_inserter(servers), is_tcpserver);
  std::set<pid_t> pids;
  for (const auto& server : servers) pids.insert(server.pid);
  // A child still has its parent's listeners for a moment.
  std::erase_if(servers, [&pids](const ProcessFacts& server) { return pids.contains(server.parent); });
  if (!servers.empty()) return servers;
  if (!holders.processes.empty()) {
    fail(ExitStatus::unavailable,
         place + " is used by " + format_process(holders.processes.front()) + ", not by tcpserver");
  }
  const auto listener = "the process that listens on " + place;
  if (holders.any_hidden || ::geteuid() != 0) fail_no_permission(listener);
  fail(ExitStatus::unavailable, listener + " is not visible here; it may run in another container");
}

ProcessFacts find_server_of_pid_file(const std::string& path, bool& has_started) {
  const auto name = "--pid-file " + base::quote_unless_plain(path);
  const auto owner = find_pid_file_owner(path);
  if (!owner) fail(ExitStatus::unavailable, "no server is running with " + name);
  has_started = owner->has_written;
  const auto pid = std::to_string(owner->pid);
  const auto server = kernel::process_facts(owner->pid);
  const auto server_name = "the server with " + name + " (pid " + pid + ")";
  if (!server) fail_no_permission(server_name);
  if (!is_tcpserver(*server)) {
    fail(ExitStatus::unavailable, name + " is locked by " + format_process(*server) + ", not by tcpserver");
  }
  const auto network = "/proc/" + pid + "/ns/net";
  if (::access(network.c_str(), F_OK) == 0 && !is_same_file(network, "/proc/self/ns/net")) {
    fail(ExitStatus::unavailable, server_name + " is in another network namespace; use nsenter(1)");
  }
  return *server;
}

// Returns an empty list if the process has ended.
Inodes find_sockets(const ProcessFacts& process) {
  auto held = kernel::sockets_held_by(process.pid);
  if (held.sight == HeldSockets::Sight::hidden)
    fail_no_permission("the connections of " + format_process(process));
  return std::move(held.inodes);
}

// Finds the sessions of a server that holds these sockets and listens on these ports. There may be tens of
// thousands, so each socket is looked up only once, by its inode.
std::vector<SessionSnapshot> find_sessions(const ProcessFacts& server, const Inodes& server_sockets,
                                           const std::set<std::uint16_t>& ports, const Processes& processes,
                                           TcpSockets& sockets) {
  const auto now = kernel::time_since_boot();
  std::vector<SessionSnapshot> sessions;
  std::unordered_map<std::uint64_t, std::size_t> missing;  // the index of the session, by inode
  for (const auto& process : processes) {
    // As process 1 of a container, the server also has adopted children, which are not sessions.
    if (process.parent != server.pid || process.name != server.name) continue;
    for (const auto inode : find_sockets(process)) missing.try_emplace(inode, sessions.size());
    sessions.push_back(
        {.pid = process.pid, .age = kernel::process_age(process, now), .connection = {}, .zombie = false});
  }
  // With children, a connection of the server itself is one whose child is about to be forked. Without
  // children, the server may be iterative. Then connections on other ports are not sessions.
  constexpr std::size_t own_connection = SIZE_MAX;
  if (sessions.empty()) {
    for (const auto inode : server_sockets) missing.try_emplace(inode, own_connection);
  }
  const auto scan = [&](std::uint16_t port, bool serves_port) {
    const bool complete = sockets.for_each(TcpSockets::Kind::connections, port, [&](const TcpSocket& socket) {
      const auto found = missing.find(socket.inode);
      if (found == missing.end()) return;
      if (found->second != own_connection) {
        sessions[found->second].connection = socket;
      } else if (serves_port) {
        sessions.push_back({.pid = server.pid, .age = {}, .connection = socket, .zombie = false});
      }
      missing.erase(found);
    });
    if (!complete) fail_unknown();
  };
  for (const auto port : ports) scan(port, true);
  // The server has closed a listener: scan all sockets of the machine.
  const bool misses_any = std::any_of(missing.begin(), missing.end(), [&](const auto& one) {
    return one.second != own_connection && !sessions[one.second].connection;
  });
  if (ports.empty() || misses_any) scan(0, ports.empty());
  return sessions;
}

// Marks zombies, and removes sessions that have ended in the meantime.
void update_states(std::vector<SessionSnapshot>& sessions, pid_t server) {
  std::set<pid_t> ended;
  for (auto& session : sessions) {
    if (session.connection) continue;
    const auto process = kernel::process_facts(session.pid);
    session.zombie = process && process->state == 'Z';
    if (!process || process->parent != server) ended.insert(session.pid);
  }
  std::erase_if(sessions, [&ended](const SessionSnapshot& session) { return ended.contains(session.pid); });
}

// Without listeners, a server that has started is stopping.
ServerState find_state(const ProcessFacts& process, const ServerSnapshot& server, bool has_started) {
  if (kernel::is_suspended(process)) return ServerState::suspended;
  if (!server.listeners.empty()) return ServerState::serving;
  return has_started || !server.sessions.empty() ? ServerState::stopping : ServerState::starting;
}

ServerSnapshot take_snapshot(const ProcessFacts& server, bool has_started,
                             const std::vector<TcpSocket>& listeners, const Processes& processes,
                             TcpSockets& sockets) {
  ServerSnapshot snapshot;
  snapshot.pid = server.pid;
  snapshot.age = kernel::process_age(server, kernel::time_since_boot());
  snapshot.started = std::chrono::system_clock::now() -
                     std::chrono::duration_cast<std::chrono::system_clock::duration>(snapshot.age);
  const auto server_sockets = find_sockets(server);
  std::set<std::uint16_t> ports;
  for (const auto& listener : listeners) {
    if (!contains(server_sockets, listener.inode)) continue;
    snapshot.listeners.push_back(listener);
    ports.insert(listener.local.port());
  }
  snapshot.sessions = find_sessions(server, server_sockets, ports, processes, sockets);
  update_states(snapshot.sessions, server.pid);
  sort_by_age(snapshot.sessions);
  snapshot.state = find_state(server, snapshot, has_started);
  return snapshot;
}

// A server that is stopping has no listeners, so its successor serves all clients.
bool is_served(const std::vector<ServerSnapshot>& servers) {
  const auto count = [&](ServerState state) {
    return std::count_if(servers.begin(), servers.end(),
                         [state](const auto& server) { return server.state == state; });
  };
  const auto serving = count(ServerState::serving);
  return serving > 0 && serving + count(ServerState::stopping) == std::ssize(servers);
}

}  // namespace

Status find_status(const ServerCommand& command) {
  const auto& options = command.options;
  if (options.port == 0 && options.pid_file.empty())
    fail(ExitStatus::usage, "--port 0 does not identify a server; use --port N or --pid-file FILE");
  TcpSockets sockets;
  std::vector<TcpSocket> listeners;
  const bool complete = sockets.for_each(TcpSockets::Kind::listeners, 0,
                                         [&](const TcpSocket& socket) { listeners.push_back(socket); });
  const auto processes = kernel::all_processes();
  if (!complete || !processes) fail_unknown();
  bool has_started = true;
  const auto servers = options.pid_file.empty()
                           ? find_servers_on_port(options, listeners, *processes, sockets)
                           : Processes{find_server_of_pid_file(options.pid_file, has_started)};
  std::vector<ServerSnapshot> snapshots;
  for (const auto& server : servers) {
    snapshots.push_back(take_snapshot(server, has_started, listeners, *processes, sockets));
  }
  const auto terminal = base::terminal_size();
  return {.text = options.log_format == LogFormat::json
                      ? session_tables_json(snapshots)
                      : session_tables(snapshots, terminal ? terminal->columns - 1 : SIZE_MAX),
          .serving = is_served(snapshots)};
}

}  // namespace tcpserver::server
