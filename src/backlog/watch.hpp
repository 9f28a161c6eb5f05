#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/kernel/port_observer.hpp"
#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/socket_facts.hpp"

#include "backlog/options.hpp"

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

// A live view of the listen queues of one port.
namespace tcpserver::backlog {

// One look, with what has changed since the first.
struct Look {
  struct Queue {
    kernel::ObservedListener now;
    std::optional<kernel::SocketOwner> owner;  // nullopt if this user cannot see the process
    bool is_new = true;                        // seen for the first time
    std::uint32_t longest = 0;                 // largest length seen
    std::optional<std::uint32_t> dropped;      // since the first look at this listener
  };
  double at = 0;              // seconds since the first look
  std::vector<Queue> queues;  // empty if nobody listens any more
  std::uint64_t half_open = 0;
  std::optional<kernel::ListenCounters> since_start{};  // in the whole network namespace
};

// Compares each look with the first. Knows a listener by its inode, so a restarted server starts again from
// zero.
class WatchBook {
 public:
  using FindOwner = std::function<std::optional<kernel::SocketOwner>(std::uint64_t inode)>;

  // `find_owner` is called once per listener: it searches all of /proc.
  explicit WatchBook(FindOwner find_owner) : find_owner_(std::move(find_owner)) {}

  Look enter(const kernel::PortPicture& picture, const std::optional<kernel::ListenCounters>& counters,
             double at);

 private:
  struct Entry {
    std::optional<std::uint32_t> dropped_at_first;
    Look::Queue queue;
  };
  FindOwner find_owner_;
  std::map<std::uint64_t, Entry> by_inode_;
  std::optional<kernel::ListenCounters> first_counters_;
};

// One line per listener: "2.0 s  127.0.0.1:7000  queue 8 of 7 [####################] longest 8, ...". Before
// them, one line per new listener names its process.
[[nodiscard]] std::string watch_lines(const Look& look);

[[nodiscard]] std::string watch_json(const Look& look);

// For a terminal: a few lines, drawn over those of the last look, cut to its size.
class WatchScreen {
 public:
  // `title` is the first line.
  explicit WatchScreen(std::string title) : title_(std::move(title)) {}
  [[nodiscard]] std::string draw(const Look& look, base::TerminalSize size);

 private:
  std::string title_;
  std::map<std::uint64_t, std::deque<char>> history_;  // by inode: one mark per look, the newest last
  base::PictureInPlace picture_;
};

// tcpbacklog watch. Throws StartError (unavailable) if nobody listens on the port at first.
[[nodiscard]] base::ExitStatus run(const WatchOptions& options);

}  // namespace tcpserver::backlog
