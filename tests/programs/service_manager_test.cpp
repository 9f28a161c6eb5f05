#include "tcpserver/base/unique_fd.hpp"

#include "harness/listen_queue.hpp"
#include "harness/own_server.hpp"
#include "harness/server_process.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace {

using namespace harness;
using namespace std::chrono_literals;
using tcpserver::base::UniqueFd;

// Listens as a service manager does (sd_notify(3)).
class Notified : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const bool abstract = std::string(GetParam()) == "abstract";
    name_ = (abstract ? "@" : "") + directory_.path() + "/notify";
    name_.copy(address_.sun_path, sizeof address_.sun_path - 1);
    if (abstract) address_.sun_path[0] = '\0';
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address_), size_), 0);
  }
  std::vector<std::string> environment(std::vector<std::string> more = {}) const {
    more.push_back("NOTIFY_SOCKET=" + name_);
    return more;
  }
  // The next notification; empty if none came within the limit.
  std::string next(std::chrono::milliseconds limit = patience) {
    pollfd polled{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    std::array<char, 4096> text{};
    if (::poll(&polled, 1, static_cast<int>(limit.count())) != 1) return "";
    const auto size = ::recv(socket_.get(), text.data(), text.size(), 0);
    heard.emplace_back(text.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
    return heard.back();
  }
  // The next notification with this beginning.
  std::string next_with(const std::string& start) {
    for (;;) {
      auto text = next();
      if (text.empty() || text.starts_with(start)) return text;
    }
  }
  void read_all() {
    while (!next(0ms).empty()) {
    }
  }
  [[nodiscard]] auto times_heard(const std::string& start) const {
    return std::count_if(heard.begin(), heard.end(), [&](const auto& one) { return one.starts_with(start); });
  }
  // Fills the socket's queue.
  void fill() const {
    const auto* const address = reinterpret_cast<const sockaddr*>(&address_);
    while (::sendto(socket_.get(), "X=1", 3, MSG_DONTWAIT, address, size_) == 3) {
    }
  }

  std::vector<std::string> heard;

 private:
  const TemporaryDirectory directory_;
  std::string name_;
  sockaddr_un address_{.sun_family = AF_UNIX, .sun_path = {}};
  socklen_t size_ = 0;
  const UniqueFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};
INSTANTIATE_TEST_SUITE_P(Socket, Notified, ::testing::Values("path", "abstract"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(Notified, SendsReadyReloadingAndStopping) {
  const TextFile file("max-connections = 3\n");
  ServerProcess server(
      {"--config", file.path(), "--bind", "127.0.0.1", "--backlog", "9", "--drain-timeout", "40s"},
      {.environment = environment()});
  EXPECT_EQ(next(), "READY=1");
  EXPECT_EQ(next(), "STATUS=0 of 3 sessions open");
  auto client = open_session(server);
  EXPECT_TRUE(contains(next_with("STATUS=1"), " of 3 sessions open, 1 accepted"));
  file.write("max-connections = 4\n");
  server.signal(SIGHUP);
  EXPECT_TRUE(next_with("RELOADING=1\n").starts_with("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_EQ(next_with("READY"), "READY=1");
  EXPECT_NE(next_with("STATUS=1 of 4"), "");
  file.write("no option\n");
  server.signal(SIGHUP);
  EXPECT_NE(next_with("RELOADING=1\n"), "");
  EXPECT_EQ(next_with("READY"), "READY=1") << "also after a failed reload";
  server.signal(SIGTERM);
  EXPECT_EQ(next_with("STOPPING"), "STOPPING=1\nEXTEND_TIMEOUT_USEC=55000000");
  EXPECT_NE(next_with("STATUS=stopping: 1 of 4 sessions open"), "");
  client.half_close();
  EXPECT_EQ(server.wait(), 0);
  read_all();
  EXPECT_EQ(times_heard("STOPPING"), 1);
}

// A manager that never learns that the service is ready ends it.
TEST_P(Notified, RetriesReadyIfTheSocketIsFull) {
  fill();
  ServerProcess server({}, {.environment = environment()});
  EXPECT_EQ(next_with("READY"), "READY=1");
  // The two messages may arrive in either order.
  if (times_heard("STATUS") == 0) static_cast<void>(next_with("STATUS"));
  EXPECT_EQ(times_heard("STATUS=0 of 1000 sessions open"), 1);
}

TEST_P(Notified, SendsTwoKeepAlivesPerWatchdogInterval) {
  ServerProcess server({}, {.environment = environment({"WATCHDOG_USEC=200000"})});
  EXPECT_EQ(next(), "READY=1");
  for (int i = 0; i < 5; ++i) ASSERT_EQ(next_with("WATCHDOG"), "WATCHDOG=1");
  ASSERT_TRUE(freeze(server.pid()));
  read_all();
  EXPECT_EQ(next(300ms), "") << "a frozen server sends nothing";
  server.signal(SIGCONT);
  EXPECT_EQ(next_with("WATCHDOG"), "WATCHDOG=1");
}

TEST_P(Notified, SendsKeepAlivesDuringAnIterativeSession) {
  ServerProcess server({"--mode", "iterative"}, {.environment = environment({"WATCHDOG_USEC=200000"})});
  auto client = open_session(server);
  EXPECT_NE(next_with("STATUS=1 of 1 sessions open, 1 accepted"), "");
  for (int i = 0; i < 5; ++i) ASSERT_EQ(next_with("WATCHDOG"), "WATCHDOG=1");
}

TEST_P(Notified, IgnoresTheWatchdogOfAnotherProcess) {
  ServerProcess server({}, {.environment = environment({"WATCHDOG_USEC=100000", "WATCHDOG_PID=1"})});
  EXPECT_EQ(next(), "READY=1");
  while (!next(300ms).empty()) {
  }
  EXPECT_EQ(times_heard("WATCHDOG"), 0);
}

// The status is at most a second old.
TEST_P(Notified, SendsAtMostOneStatusPerSecond) {
  ServerProcess server({}, {.environment = environment()});
  const auto start = Clock::now();
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(serves(server));
    read_all();
  }
  EXPECT_NE(next_with("STATUS=0 of 1000 sessions open, 300 accepted"), "");
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start).count();
  EXPECT_LE(times_heard("STATUS"), seconds + 2);
}

TEST_P(Notified, RefusesDaemonize) {
  const auto result = run({TCPSERVER_PROGRAM, "--daemonize", "--port", "0"}, {.environment = environment()});
  EXPECT_TRUE(fails(result, 64, "NOTIFY_SOCKET"));
}

TEST(ServiceManager, MayBeAbsent) {
  for (const std::string name : {"/nowhere/socket", "", "vsock:2:1"}) {
    ServerProcess server({}, {.environment = {"NOTIFY_SOCKET=" + name}});
    EXPECT_EQ(server.stop(), 0) << name;
    EXPECT_EQ(server.logged_nothing_unusual(), name.empty());
  }
}

// A socket on a free port, as a service manager makes it.
UniqueFd make_socket(const char* address, int type = SOCK_STREAM) {
  const auto own = tcpserver::base::SocketAddress::parse(address, 0).value();
  UniqueFd made(::socket(own.family(), type | SOCK_CLOEXEC, 0));
  constexpr int off = 0;
  ::setsockopt(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);  // fails on IPv4
  EXPECT_EQ(::bind(made.get(), own.get(), own.size()), 0);
  return made;
}

UniqueFd make_listener(const char* address = "127.0.0.1") {
  auto made = make_socket(address);
  EXPECT_EQ(::listen(made.get(), 5), 0);
  return made;
}

// A wrapper that passes `count` sockets to the server.
std::vector<std::string> passing(std::size_t count, const std::string& pid = "$$") {
  return {"sh", "-c", "LISTEN_PID=" + pid + " LISTEN_FDS=" + std::to_string(count) + " exec \"$@\"", "sh"};
}

TEST(Inherited, SocketServesClients) {
  const auto listener = make_listener();
  ServerProcess server({}, {.inherited = {listener.get()}}, passing(1));
  EXPECT_TRUE(serves(server));
  EXPECT_TRUE(
      contains(server.log(), "listening on 127.0.0.1:" + std::to_string(server.port()) + ", inherited"));
  EXPECT_TRUE(contains(server.log(), "listen queue: 5 ("));
  EXPECT_EQ(server.stop(), 0);
}

TEST(Inherited, SocketsAllServeAndAreAnnounced) {
  const UniqueFd sockets[] = {make_listener(), make_listener("::1"), make_listener("127.0.0.2")};
  Process server(command_line(passing(3), {"--drain-timeout", "0"}),
                 {.inherited = {sockets[0].get(), sockets[1].get(), sockets[2].get()}});
  ASSERT_TRUE(server.reads_line());
  std::uint16_t ports[3] = {};
  const auto& output = server.output();
  const auto* const format = "Server is listening on ports %hu, %hu, %hu\n";
  ASSERT_EQ(std::sscanf(output.c_str(), format, &ports[0], &ports[1], &ports[2]), 3) << output;
  ClientSocket four(ports[0]);
  ClientSocket six(ports[1], AF_INET6);
  ClientSocket other(ports[2], AF_INET, "127.0.0.2");
  for (auto* client : {&four, &six, &other}) EXPECT_TRUE(echoes(*client));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

// A reload that removes the server's backlog restores the service manager's.
TEST(Inherited, SocketKeepsItsBacklogUnlessOneIsGiven) {
  const auto listener = make_listener();
  const TextFile file("backlog = 17\n");
  ServerProcess server({"--config", file.path()}, {.inherited = {listener.get()}}, passing(1));
  EXPECT_EQ(read_queues(server).at(0).limit, 17U);
  EXPECT_TRUE(server.reload(file, "", "listen queue: 17 -> 5 ("));
  EXPECT_EQ(read_queues(server).at(0).limit, 5U);
}

// One socket for both families, as systemd makes it: the peer keeps its IPv4 address.
TEST(Inherited, DualStackSocketShowsIpv4Peers) {
  const auto listener = make_listener("::");
  ServerProcess server({"-v", "--max-per-host", "1"}, {.inherited = {listener.get()}}, passing(1));
  auto first = open_session(server);
  auto second = open_session(server, "127.0.0.2");
  EXPECT_TRUE(server.says(" peer=127.0.0.2:"));
  EXPECT_FALSE(contains(server.log(), "ffff:"));
}

// A restart keeps the socket and its queued clients.
TEST(Inherited, SocketKeepsQueuedClientsWhenTheServerEnds) {
  const auto listener = make_listener();
  const std::vector<std::string> options{"--max-connections", "1", "--drain-timeout", "0"};
  ServerProcess first(options, {.inherited = {listener.get()}}, passing(1));
  auto served = open_session(first);
  ClientSocket waiting(first.port());
  ASSERT_TRUE(waiting.send("waiting"));
  EXPECT_EQ(first.stop(), 0);
  ServerProcess second(options, {.inherited = {listener.get()}}, passing(1));
  EXPECT_EQ(waiting.receive(7), "waiting");
}

TEST(Inherited, IgnoresSocketsOfAnotherProcess) {
  const auto listener = make_listener();
  ServerProcess server({}, {.inherited = {listener.get()}}, passing(1, "1"));
  EXPECT_FALSE(contains(server.log(), "service manager"));
  EXPECT_TRUE(serves(server)) << "it bound its own socket";
}

TEST(Inherited, RefusesOtherThanListeningTcpSockets) {
  const auto listener = make_listener();
  const auto datagram = make_socket("127.0.0.1", SOCK_DGRAM);
  const auto silent = make_socket("127.0.0.1");
  const UniqueFd file(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  const UniqueFd local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un autobind{.sun_family = AF_UNIX, .sun_path = {}};  // unix(7)
  ASSERT_EQ(::bind(local.get(), reinterpret_cast<const sockaddr*>(&autobind), sizeof(sa_family_t)), 0);
  ASSERT_EQ(::listen(local.get(), 5), 0);
  const struct {
    std::vector<int> sockets;
    const char* descriptor;
    const char* reason;
  } refused[] = {{{file.get()}, "3", "not a socket"},
                 {{listener.get(), datagram.get()}, "4", "ListenStream="},
                 {{silent.get()}, "3", "Accept=no"},
                 {{local.get()}, "3", "not a TCP socket"}};
  for (const auto& [sockets, descriptor, reason] : refused) {
    const auto result = run(command_line(passing(sockets.size()), {}), {.inherited = sockets});
    EXPECT_TRUE(fails(result, 64, std::string("LISTEN_FDS: descriptor ") + descriptor + " "));
    EXPECT_TRUE(contains(result.errors, reason));
  }
}

TEST(Inherited, RefusesABadNumber) {
  const auto result = run({"sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=many exec \"$0\"", TCPSERVER_PROGRAM});
  EXPECT_TRUE(fails(result, 64, "LISTEN_FDS: invalid value 'many'"));
}

// A shell that starts the server without exec, so that the variables name the shell.
std::vector<std::string> wrapped(const std::string& variables) {
  return {"sh", "-c", variables + " \"$@\"; exit $?", "sh"};
}

// Returns the first line of the log of a server that cannot listen, and expects a warning before the error.
std::string warn_before_error(const std::vector<std::string>& wrapper,
                              const std::vector<std::string>& variables) {
  const auto result =
      run(command_line(wrapper, {"--bind", "192.0.2.1", "--user", "0"}), {.environment = variables});
  EXPECT_EQ(result.ending, 69) << result.errors;
  const auto end = result.errors.find('\n');
  EXPECT_LT(end, result.errors.find("cannot listen"));
  return result.errors.substr(0, end);
}

TEST(WrapperProcess, IsNamedIfTheSocketsBelongToIt) {
  const auto line = warn_before_error(wrapped("LISTEN_PID=$$ LISTEN_FDS=1"), {});
  EXPECT_TRUE(contains(line, "LISTEN_PID names process "));
  EXPECT_TRUE(contains(line, "(sh)"));
  EXPECT_TRUE(contains(line, "exec tcpserver"));
}

TEST(WrapperProcess, IsNamedByAnActivatedSocket) {
  if (find_command("systemd-socket-activate").empty())
    GTEST_SKIP() << "systemd-socket-activate is not installed";
  const auto script = std::string(TCPSERVER_PROGRAM) + " --bind 192.0.2.1; :";
  // It refuses port 0, and starts the program with the first connection.
  OwnListener free;
  free.close();
  Process manager({"systemd-socket-activate", "-l", "127.0.0.1:" + free.port(), "sh", "-c", script});
  ASSERT_TRUE(manager.says("Listening on"));
  ClientSocket client(static_cast<std::uint16_t>(std::stoi(free.port())));
  EXPECT_TRUE(manager.says("LISTEN_PID names process " + std::to_string(manager.pid()) + " (sh)"));
}

TEST(WrapperProcess, WarnsIfTheNotifySocketCannotBeUsed) {
  for (const char* name : {"/nonexistent", "@nobody", "relative", "vsock:2:1"}) {
    const auto warning = warn_before_error({}, {std::string("NOTIFY_SOCKET=") + name});
    EXPECT_TRUE(contains(warning, std::string("NOTIFY_SOCKET ") + name + ": ")) << warning;
  }
}

TEST(WrapperProcess, IsNotNamedWithoutSockets) {
  const auto error = run({TCPSERVER_PROGRAM, "--bind", "192.0.2.1", "--user", "0"},
                         {.environment = {"LISTEN_PID=999999", "LISTEN_FDS=0"}})
                         .errors;
  EXPECT_FALSE(contains(error, "LISTEN_")) << error;
  const auto warning = warn_before_error({}, {"LISTEN_PID=999999", "LISTEN_FDS=many"});
  EXPECT_TRUE(contains(warning, "LISTEN_FDS: invalid value many")) << warning;
}

TEST_P(Notified, WarnsIfTheWatchdogIsInvalid) {
  for (const auto& [usec, pid, invalid] : {std::array{"0", "1", "WATCHDOG_USEC"},
                                           {"99999999999999999999", "1", "WATCHDOG_USEC"},
                                           {"200000", "x", "WATCHDOG_PID"}}) {
    ServerProcess server({}, {.environment = environment({std::string("WATCHDOG_USEC=") + usec,
                                                          std::string("WATCHDOG_PID=") + pid})});
    EXPECT_TRUE(server.says(std::string(invalid) + ": invalid value ")) << usec << " " << pid;
    EXPECT_EQ(occurrences(server.log(), "keep-alives"), 1U) << server.log();
  }
}

TEST(WrapperProcess, WarnsIfAVariableIsMissing) {
  EXPECT_TRUE(contains(warn_before_error({}, {"LISTEN_FDS=1"}), "LISTEN_FDS is set without LISTEN_PID"));
  EXPECT_TRUE(
      contains(warn_before_error(wrapped("LISTEN_PID=$$"), {}), "LISTEN_PID is set without LISTEN_FDS"));
}

// The servers cannot listen, so they end: a signal would end only the shell.
TEST_P(Notified, NamesTheWrapperThatSystemdStarted) {
  const auto wrapper = wrapped("SYSTEMD_EXEC_PID=$$ WATCHDOG_PID=$$ WATCHDOG_USEC=9000000");
  const auto start = [&](std::vector<std::string> options) {
    options.insert(options.end(), {"--bind", "192.0.2.1"});
    return run(command_line(wrapper, options), {.environment = environment()}).errors;
  };
  const auto log = start({});
  EXPECT_TRUE(contains(log, "SYSTEMD_EXEC_PID names process ")) << log;
  EXPECT_TRUE(contains(log, "NotifyAccess=all")) << log;
  EXPECT_TRUE(contains(log, "WATCHDOG_PID names process ")) << log;
  const auto quiet = start({"--quiet"});
  EXPECT_TRUE(contains(quiet, "WATCHDOG_PID names process ")) << quiet;
  EXPECT_FALSE(contains(quiet, "SYSTEMD_EXEC_PID")) << "NotifyAccess=all may be set";
}

TEST_P(Notified, NamesNoWrapperIfThereIsNone) {
  const std::vector<std::string> exec{
      "sh", "-c", "SYSTEMD_EXEC_PID=$$ WATCHDOG_PID=$$ WATCHDOG_USEC=9000000 exec \"$@\"", "sh"};
  ServerProcess own({}, {.environment = environment()}, exec);
  EXPECT_FALSE(contains(own.log(), " names process "));
  // The number of a process outside a container.
  ServerProcess outside({}, {.environment = environment({"SYSTEMD_EXEC_PID=4000000"})});
  EXPECT_FALSE(contains(outside.log(), " names process "));
  ServerProcess unreachable({},
                            {.environment = {"NOTIFY_SOCKET=/nowhere", "SYSTEMD_EXEC_PID=1", "LISTEN_FDS="}});
  EXPECT_FALSE(contains(unreachable.log(), "names process"));
}

}  // namespace
