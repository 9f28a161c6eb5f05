#include "server/daemon/find_servers.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include "server/daemon/pid_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace tcpserver::server {

namespace {

using base::ExitStatus;
using kernel::HeldSockets;
using kernel::ProcessFacts;
using kernel::TcpSocket;

[[noreturn]] void fail(ExitStatus status, const std::string& why) {
  throw base::StartError(status, "--status: " + why);
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

const ProcessFacts* find(const Processes& processes, pid_t pid) {
  const auto found = std::find_if(processes.begin(), processes.end(),
                                  [pid](const ProcessFacts& process) { return process.pid == pid; });
  return found == processes.end() ? nullptr : &*found;
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
         format_process(holders.processes.front()) + " listens on " + place + ", which is no tcpserver");
  }
  if (holders.hidden || ::geteuid() != 0) throw_no_right("who listens on " + place);
  fail(ExitStatus::unavailable, "who listens on " + place + " is no process that is seen from here");
}

ProcessFacts server_of_pid_file(const std::string& path) {
  const auto name = "--pid-file " + base::plain_or_quoted(path);
  const auto pid = owner_of_pid_file(path);
  if (!pid) fail(ExitStatus::unavailable, "no server runs with " + name);
  const auto server = kernel::process_facts(*pid);
  if (!server) throw_no_right("the server with " + name + ", pid " + std::to_string(*pid));
  if (!is_tcpserver(*server)) {
    fail(ExitStatus::unavailable,
         format_process(*server) + " has " + name + " locked, which is no tcpserver");
  }
  const auto its_network = "/proc/" + std::to_string(*pid) + "/ns/net";
  struct stat status {};
  if (::stat(its_network.c_str(), &status) == 0 && !is_same_file(its_network, "/proc/self/ns/net")) {
    fail(ExitStatus::unavailable, "the server with " + name + ", pid " + std::to_string(*pid) +
                                      ", is in another network namespace: look from there (nsenter(1))");
  }
  return *server;
}

}  // namespace

void throw_unknown() {
  fail(ExitStatus::unavailable, "who is connected is not known here: that takes /proc and sock_diag(7)");
}

void throw_no_right(const std::string& to_what) {
  fail(ExitStatus::no_permission,
       "no right to see " + to_what +
           (::geteuid() == 0 ? ": that takes CAP_SYS_PTRACE"
                             : ": run it as root, or as the user who started that server"));
}

std::string format_process(const ProcessFacts& process) {
  return process.name + " (pid " + std::to_string(process.pid) + ")";
}

Processes find_servers(const ServerOptions& options, const std::vector<TcpSocket>& listeners,
                       const Processes& processes) {
  if (options.pid_file.empty()) return servers_on_port(options, listeners, processes);
  return {server_of_pid_file(options.pid_file)};
}

}  // namespace tcpserver::server
