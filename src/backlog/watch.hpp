#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/kernel/listen_counters.hpp"
#include "tcpserver/kernel/port_observer.hpp"
#include "tcpserver/kernel/process_table.hpp"

#include "backlog/options.hpp"

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

// A live picture of the listen queues of one port.
namespace tcpserver::backlog {

// One look, with what has changed since the first.
struct Look {
  struct Queue {
    kernel::ObservedListener now;
    std::optional<kernel::SocketOwner> owner;  // nothing: a process that this user cannot see
    bool is_new = false;                       // seen for the first time
    std::uint32_t longest = 0;                 // length, the largest seen
    std::optional<std::uint32_t> dropped;      // since the first look at this listener
  };
  double at = 0;              // seconds since the first look
  std::vector<Queue> queues;  // none: nobody listens any more
  std::uint64_t half_open = 0;
  std::optional<kernel::ListenCounters> since_start;  // of the whole network namespace
};

// Keeps what is compared with. A listener is known by its inode: a restarted server begins anew.
class WatchBook {
 public:
  using FindOwner = std::function<std::optional<kernel::SocketOwner>(std::uint64_t inode)>;

  // `find_owner` is asked once for each listener: it searches all of /proc.
  explicit WatchBook(FindOwner find_owner) : find_owner_(std::move(find_owner)) {}

  Look enter(const kernel::PortPicture& picture, const std::optional<kernel::ListenCounters>& counters,
             double at);

 private:
  struct Entry {
    std::optional<kernel::SocketOwner> owner;
    std::uint32_t longest = 0;
    std::optional<std::uint32_t> dropped_at_first;
  };
  FindOwner find_owner_;
  std::map<std::uint64_t, Entry> by_inode_;
  std::optional<kernel::ListenCounters> first_counters_;
};

// "2.0 s  127.0.0.1:7000  queue 8 of 7 [####################] longest 8, ...": one line a listener, after one
// that says whose it is where it is new.
[[nodiscard]] std::string watch_lines(const Look& look);

[[nodiscard]] std::string watch_json(const Look& look);

// For a terminal: a few lines, drawn over those of the last look, that fit into its size.
class WatchScreen {
 public:
  // `title` is the first line.
  explicit WatchScreen(std::string title) : title_(std::move(title)) {}
  [[nodiscard]] std::string draw(const Look& look, base::TerminalSize size);

 private:
  std::string title_;
  std::map<std::uint64_t, std::deque<char>> history_;  // by inode: a mark a look, the newest last
  base::PictureInPlace picture_;
};

// tcpbacklog watch: looks until a signal ends the process, or so many times. Throws StartError (unavailable)
// where nobody listens on the port at first.
[[nodiscard]] base::ExitStatus run_watch(const WatchOptions& options);

}  // namespace tcpserver::backlog
