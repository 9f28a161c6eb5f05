#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include "server/daemon/pid_file.hpp"
#include "server/daemon/status.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <utility>

namespace tcpserver::server {

namespace {

using base::ExitStatus;
using kernel::HeldSockets;
using kernel::ProcessFacts;
using kernel::TcpSocket;
using kernel::TcpSockets;
using Processes = std::vector<ProcessFacts>;

[[noreturn]] void fail(ExitStatus status, const std::string& why) {
  throw base::StartError(status, "--status: " + why);
}

[[noreturn]] void not_known() {
  fail(ExitStatus::unavailable, "who is connected is not known here: that takes /proc and sock_diag(7)");
}

[[noreturn]] void no_right(const std::string& to_what) {
  fail(ExitStatus::no_permission,
       "no right to see " + to_what +
           (::geteuid() == 0 ? ": that takes CAP_SYS_PTRACE"
                             : ": run it as root, or as the user who started that server"));
}

bool is_same_file(const std::string& one, const std::string& other) {
  struct stat first {};
  struct stat second {};
  return ::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// By its name, or as this very program under another name.
bool is_tcpserver(const ProcessFacts& process) {
  return process.name == "tcpserver" ||
         is_same_file("/proc/" + std::to_string(process.pid) + "/exe", "/proc/self/exe");
}

std::string named(const ProcessFacts& process) {
  return process.name + " (pid " + std::to_string(process.pid) + ")";
}

const ProcessFacts* find(const Processes& processes, pid_t pid) {
  const auto found = std::find_if(processes.begin(), processes.end(),
                                  [pid](const ProcessFacts& process) { return process.pid == pid; });
  return found == processes.end() ? nullptr : &*found;
}

std::vector<TcpSocket> all_listeners(TcpSockets& sockets) {
  std::vector<TcpSocket> listeners;
  const bool told = sockets.for_each(TcpSockets::Kind::listeners, 0,
                                     [&](const TcpSocket& socket) { listeners.push_back(socket); });
  if (!told) not_known();
  return listeners;
}

// Those on --port, and of --bind where that is given.
std::vector<TcpSocket> listeners_meant(const std::vector<TcpSocket>& listeners,
                                       const ServerOptions& options) {
  std::vector<TcpSocket> meant;
  for (const auto& listener : listeners) {
    if (listener.local.port() != options.port) continue;
    auto address = listener.local;
    address.set_port(0);
    const bool bound = std::find(options.bind.begin(), options.bind.end(), address) != options.bind.end();
    if (options.bind.empty() || bound) meant.push_back(listener);
  }
  return meant;
}

std::string place_of(const ServerOptions& options) {
  std::string place = "port " + std::to_string(options.port);
  const char* separator = " of ";
  for (const auto& address : options.bind) {
    place += separator + address.host_text();
    separator = " or ";
  }
  return place;
}

// Who has one of the listening sockets, and whether somebody may have one who could not be looked at.
struct Holders {
  Processes processes;
  bool hidden = false;
};

class HolderSearch {
 public:
  explicit HolderSearch(const std::vector<TcpSocket>& wanted) : wanted_(wanted), found_(wanted.size()) {}

  void look_at(const ProcessFacts& process) {
    const auto held = kernel::sockets_held_by(process.pid);
    holders_.hidden = holders_.hidden || held.sight == HeldSockets::Sight::hidden;
    bool holds = false;
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      if (std::find(held.inodes.begin(), held.inodes.end(), wanted_[i].inode) == held.inodes.end()) continue;
      holds = found_[i] = true;
    }
    if (holds) holders_.processes.push_back(process);
  }
  [[nodiscard]] bool found_all() const {
    return std::find(found_.begin(), found_.end(), false) == found_.end();
  }
  [[nodiscard]] Holders take() { return std::move(holders_); }

 private:
  const std::vector<TcpSocket>& wanted_;
  std::vector<bool> found_;
  Holders holders_;
};

// First those that look like servers: then the descriptors of thousands of sessions, and of all other
// processes, need not be read. What a service manager has, too, it has beside a server.
Holders find_holders(const std::vector<TcpSocket>& listeners, const Processes& processes) {
  std::vector<pid_t> of_that_name;
  for (const auto& process : processes) {
    if (process.name == "tcpserver") of_that_name.push_back(process.pid);
  }
  std::sort(of_that_name.begin(), of_that_name.end());
  const auto looks_like_server = [&](const ProcessFacts& process) {
    return process.name == "tcpserver" &&
           !std::binary_search(of_that_name.begin(), of_that_name.end(), process.parent);
  };
  HolderSearch search(listeners);
  for (const bool first_pass : {true, false}) {
    for (const auto& process : processes) {
      if (looks_like_server(process) == first_pass && process.pid != ::getpid()) search.look_at(process);
    }
    if (search.found_all()) break;
  }
  return search.take();
}

Processes servers_on_port(const ServerOptions& options, const std::vector<TcpSocket>& listeners,
                          const Processes& processes) {
  const auto meant = listeners_meant(listeners, options);
  const auto place = place_of(options);
  if (meant.empty()) fail(ExitStatus::unavailable, "nobody listens on " + place);
  const auto holders = find_holders(meant, processes);
  Processes servers;
  std::copy_if(holders.processes.begin(), holders.processes.end(), std::back_inserter(servers), is_tcpserver);
  // A child that has just been forked still has what its parent has.
  const auto all = servers;
  std::erase_if(servers, [&all](const ProcessFacts& server) { return find(all, server.parent) != nullptr; });
  if (!servers.empty()) return servers;
  if (!holders.processes.empty()) {
    fail(ExitStatus::unavailable,
         named(holders.processes.front()) + " listens on " + place + ", which is no tcpserver");
  }
  if (holders.hidden || ::geteuid() != 0) no_right("who listens on " + place);
  fail(ExitStatus::unavailable, "who listens on " + place + " is no process that is seen from here");
}

ProcessFacts server_of_pid_file(const std::string& path) {
  const auto name = "--pid-file " + base::plain_or_quoted(path);
  const auto pid = owner_of_pid_file(path);
  if (!pid) fail(ExitStatus::unavailable, "no server runs with " + name);
  const auto server = kernel::process_facts(*pid);
  if (!server) no_right("the server with " + name + ", pid " + std::to_string(*pid));
  if (!is_tcpserver(*server)) {
    fail(ExitStatus::unavailable, named(*server) + " has " + name + " locked, which is no tcpserver");
  }
  const auto its_network = "/proc/" + std::to_string(*pid) + "/ns/net";
  struct stat status {};
  if (::stat(its_network.c_str(), &status) == 0 && !is_same_file(its_network, "/proc/self/ns/net")) {
    fail(ExitStatus::unavailable, "the server with " + name + ", pid " + std::to_string(*pid) +
                                      ", is in another network namespace: look from there (nsenter(1))");
  }
  return *server;
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
      sessions_[place->second].connection = picture_of(socket);
    } else if (of_its_ports) {  // --mode iterative; other ports are connections of its own
      sessions_.push_back(
          {.pid = server_.pid, .age = std::nullopt, .connection = picture_of(socket), .zombie = false});
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
  [[nodiscard]] std::vector<SessionPicture> take() {
    std::vector<SessionPicture> present;
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
    if (held.sight == HeldSockets::Sight::hidden) no_right("the connections of " + named(process));
    if (held.sight == HeldSockets::Sight::gone) return std::nullopt;
    return std::move(held.inodes);
  }

  static ConnectionPicture picture_of(const TcpSocket& socket) {
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
  std::vector<SessionPicture> sessions_;
  std::unordered_map<std::uint64_t, std::size_t> places_;  // by inode, of those not found yet
};

std::vector<std::uint16_t> ports_of(const std::vector<ListenerPicture>& listeners) {
  std::vector<std::uint16_t> ports;
  for (const auto& listener : listeners) ports.push_back(listener.local.port());
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  return ports;
}

ServerPicture picture_of(const ProcessFacts& server, const std::vector<TcpSocket>& listeners,
                         const Processes& processes, TcpSockets& sockets) {
  ServerPicture picture;
  picture.pid = server.pid;
  picture.age = kernel::age_of(server, kernel::time_since_boot());
  picture.started = std::chrono::system_clock::now() -
                    std::chrono::duration_cast<std::chrono::system_clock::duration>(picture.age);
  SessionSearch search(server, processes);
  for (const auto& listener : listeners) {
    if (!search.has(listener.inode)) continue;
    picture.listeners.push_back(
        {.local = listener.local, .length = listener.receive_queue, .limit = listener.send_queue});
  }
  const auto look = [&](std::uint16_t port, bool of_its_ports) {
    const bool told = sockets.for_each(TcpSockets::Kind::connections, port,
                                       [&](const TcpSocket& socket) { search.add(socket, of_its_ports); });
    if (!told) not_known();
  };
  for (const auto port : ports_of(picture.listeners)) look(port, true);
  // Of a server that listens no more, or of a port that it lost: among all sockets of the machine.
  const bool has_stopped = picture.listeners.empty();
  if (has_stopped || search.misses_any()) look(0, has_stopped);
  picture.sessions = search.take();
  return picture;
}

}  // namespace

std::vector<ServerPicture> look_at_servers(const ServerOptions& options) {
  TcpSockets sockets;
  const auto listeners = all_listeners(sockets);
  const auto processes = kernel::all_processes();
  if (!processes) not_known();
  const auto servers = options.pid_file.empty() ? servers_on_port(options, listeners, *processes)
                                                : Processes{server_of_pid_file(options.pid_file)};
  std::vector<ServerPicture> pictures;
  pictures.reserve(servers.size());
  for (const auto& server : servers) pictures.push_back(picture_of(server, listeners, *processes, sockets));
  return pictures;
}

}  // namespace tcpserver::server
