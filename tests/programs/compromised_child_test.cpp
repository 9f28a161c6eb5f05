#include "tcpserver/base/unique_fd.hpp"

#include "harness/strace.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <thread>

// An attacker who runs code in one child can write to everything that the child shares with its parent. These
// tests do the same from outside, through /proc/PID/mem.
namespace {

using namespace harness;

// The memory that a child shares with its parent and the other children: the scoreboard.
class SharedMemory {
 public:
  using Words = std::vector<std::uint64_t>;

  explicit SharedMemory(pid_t child)
      : memory_(::open((proc_directory(child) / "mem").c_str(), O_RDWR | O_CLOEXEC)) {
    for (const auto& line : split_lines(read_text(proc_directory(child) / "maps"))) {
      if (!contains(line, " rw-s ")) continue;
      const auto begin = std::stoul(line, nullptr, 16);
      const auto end = std::stoul(line.substr(line.find('-') + 1), nullptr, 16);
      parts_.emplace_back(begin, end - begin);
    }
  }
  [[nodiscard]] bool is_open() const { return memory_.get() >= 0 && !parts_.empty(); }

  // Overwrites all of it with what `next()` returns, word by word.
  template <typename Next>
  void overwrite(Next next) const {
    for (const auto& [begin, size] : parts_) {
      Words words(size / sizeof(std::uint64_t));
      std::generate(words.begin(), words.end(), next);
      write(begin, words);
    }
  }

  // Overwrites the first word of each page: the bits by which children announce their end.
  void overwrite_first_words(std::uint64_t value) const {
    const auto page = static_cast<unsigned long>(::sysconf(_SC_PAGESIZE));
    for (const auto& [begin, size] : parts_) {
      for (unsigned long at = 0; at < size; at += page) write(begin + at, {value});
    }
  }

 private:
  void write(unsigned long address, const Words& words) const {
    const auto size = words.size() * sizeof(std::uint64_t);
    ASSERT_EQ(::pwrite(memory_.get(), words.data(), size, static_cast<off_t>(address)),
              static_cast<ssize_t>(size));
  }

  tcpserver::base::UniqueFd memory_;
  std::vector<std::pair<unsigned long, unsigned long>> parts_;  // begin and size
};

class CompromisedChild : public Injection {
 protected:
  // Enough that the reaper waits for each child by its pid, and nearly all slots of the default limit.
  static constexpr std::size_t held_sessions = 985;
  static constexpr std::size_t sessions_that_leave = 700;

  void SetUp() override {
    Injection::SetUp();
    if (IsSkipped()) return;
    if (raise_descriptor_limit() < held_sessions + 100) GTEST_SKIP() << "the descriptor limit is too low";
    server = std::make_unique<ServerProcess>(std::vector<std::string>{"--drain-timeout", "0"},
                                             without_leak_check(), tracing("kill,wait4"));
    for (std::size_t i = 0; i < held_sessions; ++i) {
      held.push_back(open_session(*server));
      // The first client's child is the attacker: it stays until the end.
      if (i == 0) attacker = std::make_unique<SharedMemory>(find_child(*server));
    }
    if (!attacker->is_open()) GTEST_SKIP() << "no right to write to the memory of a child";
    accepted = held_sessions;
    for (const auto& child : find_children(server->pid())) children.insert(child.pid);
    ASSERT_EQ(children.size(), held_sessions);
  }

  // Attacks again and again until the thread is stopped.
  template <typename Attack>
  static std::jthread repeat(Attack attack) {
    return std::jthread([attack](const std::stop_token& stop) {
      while (!stop.stop_requested()) attack();
    });
  }

  // Other clients come and go during the attack. Each gets its echo.
  template <typename Attack>
  void churn_during(Attack attack) {
    const auto attacking = repeat(attack);
    constexpr int rounds = 100;
    for (int round = 0; round < rounds; ++round) {
      ClientSocket client(server->port());
      ++accepted;
      const auto message = varied_bytes(3000, static_cast<std::uint32_t>(round));
      ASSERT_EQ(echo_through(client, message), message) << "round " << round;
    }
  }

  void expect_held_sessions_work() {
    for (auto& client : held) ASSERT_TRUE(echoes(client));
  }

  // It called kill(2) and wait4(2) for its own children only.
  void expect_only_own_children_were_meant() const {
    for (const auto& line : split_lines(trace())) {
      if (line.starts_with("wait4(")) {
        EXPECT_FALSE(line.starts_with("wait4(0,")) << line;
      } else if (line.starts_with("kill(")) {
        EXPECT_TRUE(children.contains(std::stoi(line.substr(5)))) << line;
      }
    }
  }

  std::unique_ptr<ServerProcess> server;
  std::vector<ClientSocket> held;
  std::set<pid_t> children;  // the processes of the held sessions
  std::unique_ptr<SharedMemory> attacker;
  std::size_t accepted = 0;
};

TEST_F(CompromisedChild, CannotCorruptServerOrSessions) {
  std::mt19937_64 random(17);
  churn_during([&] { attacker->overwrite([] { return ~std::uint64_t{0}; }); });
  churn_during([&] { attacker->overwrite([] { return std::uint64_t{0}; }); });
  churn_during([&] { attacker->overwrite([&] { return random(); }); });
  churn_during([&] { attacker->overwrite_first_words(std::uint64_t{1} << (random() % 64)); });
  expect_held_sessions_work();

  // Many sessions end while every bit claims that its session has ended.
  {
    const auto attacking = repeat([this] { attacker->overwrite_first_words(~std::uint64_t{0}); });
    for (std::size_t i = 0; i < sessions_that_leave; ++i) held.pop_back();
    EXPECT_TRUE(server->status_shows(std::to_string(held.size()) + " of 1000 sessions open"));
  }
  expect_held_sessions_work();

  const auto total = std::to_string(accepted);
  const auto ended = std::to_string(accepted - held.size());
  EXPECT_TRUE(server->status_shows(total + " accepted; sessions ended: " + ended + " closed by client;"));
  EXPECT_TRUE(contains(server->last_line(), "children reaped: " + ended + ","));

  attacker->overwrite_first_words(~std::uint64_t{0});
  EXPECT_EQ(server->stop(), 0);
  const auto last = server->last_line();
  EXPECT_TRUE(contains(last, "stopped: " + total + " accepted"));
  EXPECT_TRUE(contains(last, "children reaped: " + total + ","));
  expect_only_own_children_were_meant();
}

}  // namespace
