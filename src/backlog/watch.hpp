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

// The state of all queues at one moment, and the changes since the first sample.
struct Sample {
  struct Queue {
    kernel::ObservedListener now;
    std::optional<kernel::SocketOwner> owner;  // nullopt if this user cannot see the process
    bool is_new = true;                        // not in the previous sample
    std::uint32_t longest = 0;                 // largest length so far
    std::optional<std::uint32_t> dropped;      // since the first sample of this listener
  };
  double at = 0;              // seconds since the first sample
  std::vector<Queue> queues;  // empty if nothing is listening
  std::uint64_t half_open = 0;
  std::optional<kernel::ListenCounters> since_start{};  // counts the whole network namespace
  std::vector<std::string> lessons{};  // explanations, each in the first sample that needs it
};

// Compares samples. A listener is identified by its inode, so a restarted server starts again from zero.
class QueueTracker {
 public:
  using FindOwner = std::function<std::optional<kernel::SocketOwner>(std::uint64_t inode)>;

  // `find_owner` is called once per listener, because it searches all of /proc.
  explicit QueueTracker(FindOwner find_owner) : find_owner_(std::move(find_owner)) {}

  Sample add(const kernel::PortSnapshot& snapshot, const std::optional<kernel::ListenCounters>& counters,
             double at);

  // "3 samples in 2.0 s, fullest queue 8 of 7, 12 dropped"
  [[nodiscard]] std::string summary(double at) const;

 private:
  struct Entry {
    std::optional<std::uint32_t> dropped_at_first;
    Sample::Queue queue;
  };
  void explain(Sample& sample);

  FindOwner find_owner_;
  std::map<std::uint64_t, Entry> by_inode_;
  std::optional<kernel::ListenCounters> first_counters_;
  // For the summary, over all listeners.
  std::uint64_t samples_ = 0;
  std::uint64_t dropped_ = 0;
  std::optional<kernel::ObservedListener> fullest_;  // nullopt before the first listener
  bool explained_full_ = false;
  bool explained_drop_ = false;
};

// One line per listener: "2.0 s  127.0.0.1:7000  queue 8 of 7 [####################] longest 8, ...". Before
// them, one line per new listener names its process; after them come the lessons.
[[nodiscard]] std::string format_lines(const Sample& sample);

[[nodiscard]] std::string format_json(const Sample& sample);

// For a terminal: a few lines that replace those of the previous sample, cut to the terminal's size.
class WatchScreen {
 public:
  explicit WatchScreen(std::uint16_t port) : port_(std::to_string(port)) {}
  [[nodiscard]] std::string draw(const Sample& sample, base::TerminalSize size);

 private:
  std::string port_;
  std::map<std::uint64_t, std::deque<char>> history_;  // by inode: one mark per sample, the newest last
  std::vector<std::string> lessons_;                   // all so far
  base::PictureInPlace picture_;
};

// Runs tcpbacklog watch. On a terminal it waits for a listener, unless the number of samples is limited.
// Otherwise it throws StartError (unavailable) if nothing is listening at first. SIGINT and SIGTERM print the
// summary and end the process with that signal.
[[nodiscard]] base::ExitStatus run(const WatchOptions& options);

}  // namespace tcpserver::backlog
