#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"

#include "server/child/child_life.hpp"
#include "server/child/launcher.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace tcpserver::server {

namespace {

// Static, because a child allocates nothing.
alignas(4096) std::array<char, echo_buffer_size> plain_child_buffer;

struct LibcCalls {
  static constexpr bool may_block = true;
  bool can_set_linger = false;

  [[nodiscard]] static long call(long number, long first = 0, long second = 0, long third = 0,
                                 long fourth = 0) noexcept {
    const long result = ::syscall(number, first, second, third, fourth);
    return result < 0 ? -errno : result;
  }
  [[nodiscard]] static long read(int fd, char* buffer, std::size_t size) noexcept {
    return call(SYS_read, fd, reinterpret_cast<long>(buffer), static_cast<long>(size));
  }
  [[nodiscard]] static long write(int fd, const char* bytes, std::size_t size) noexcept {
    return call(SYS_write, fd, reinterpret_cast<long>(bytes), static_cast<long>(size));
  }
  [[nodiscard]] static std::uint64_t in_register(std::uint64_t value) noexcept { return value; }

  [[nodiscard]] bool enter(Sandbox sandbox) noexcept {
    const auto result = enter_sandbox_with_linger(sandbox);
    can_set_linger = result.can_set_linger;
    return result.sandbox;
  }

  // Set only while a reply is incomplete, because a reset discards all data that the client has not
  // acknowledged, complete replies included.
  void set_reset_on_close(int connection, bool on) const noexcept {
    if (can_set_linger) static_cast<void>(base::set_reset_on_close(connection, on));
  }
};

// Before a call that does not return, the address sanitizer would make system calls that the sandbox forbids.
[[noreturn]] __attribute__((no_sanitize("address"))) void run_child(const ChildOrder& order,
                                                                    SessionRecord& record) noexcept {
  ChildLife<LibcCalls> life(order, record);
  base::exit_child(static_cast<int>(life.run(plain_child_buffer.data(), plain_child_buffer.size())));
}

class PlainLauncher final : public Launcher {
  [[nodiscard]] pid_t launch(const ChildOrder& order, SessionRecord& record) noexcept override {
    const pid_t pid = base::fork_child();
    if (pid == 0) run_child(order, record);
    return pid;
  }
};

}  // namespace

std::unique_ptr<Launcher> make_plain_launcher() {
  return std::make_unique<PlainLauncher>();
}

#ifndef TCPSERVER_HAVE_SMALL_CHILDREN
std::unique_ptr<Launcher> make_launcher(AddressHints&) {
  return make_plain_launcher();
}
#endif

}  // namespace tcpserver::server
