#include "harness/server_process.hpp"
#include "harness/system_call.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <thread>

// The files of --record.
namespace {

using namespace harness;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Recorded : public ::testing::Test {
 protected:
  std::vector<std::string> recording(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--record", directory.string()});
    return more;
  }
  fs::path recording(const ClientSocket& client) const {
    return directory / ("tcpserver.127.0.0.1:" + std::to_string(client.own_port()) + ".dat");
  }
  static unsigned long find_descriptor(pid_t process, const fs::path& file) {
    for (const auto& entry : fs::directory_iterator(proc_directory(process) / "fd")) {
      std::error_code ignored;
      if (fs::equivalent(entry.path(), file, ignored)) return std::stoul(entry.path().filename());
    }
    return ~0UL;
  }

  const TemporaryDirectory temporary;
  const fs::path directory = temporary.path();
};

class RecordedInMode : public Recorded, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Modes, RecordedInMode, ::testing::Values("fork", "iterative"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(RecordedInMode, HasTheBytesOfTheClient) {
  ServerProcess server(recording({"--mode", GetParam(), "--service", "upper"}));
  for (const std::size_t size : {0UL, 1UL, 5000UL, 5'000'000UL}) {
    const auto bytes = varied_bytes(size);
    ClientSocket client(server.port());
    const auto file = recording(client);
    EXPECT_EQ(echo_through(client, bytes).size(), size);
    EXPECT_EQ(read_text(file), bytes) << size << " bytes";
    EXPECT_TRUE(eventually([&] { return fs::exists(file) == (size > 0); })) << "removes an empty recording";
  }
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(occurrences(server.log(), "record"), 0U) << server.log();
}

TEST_P(RecordedInMode, EndsAtItsLimitAndTheSessionContinues) {
  ServerProcess server(recording({"--mode", GetParam(), "--record-limit", "100001", "-v"}));
  const auto bytes = varied_bytes(1'000'000);
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, bytes), bytes);
  EXPECT_EQ(read_text(recording(client)), bytes.substr(0, 100'001));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.log(), " reason=client_closed bytes_recorded=100001\n"));
  EXPECT_FALSE(contains(server.log(), "recording of")) << "no failure";
}

// A write fails, as on a full disk. The SIGXFSZ that comes with it must not end the child.
TEST_F(Recorded, EndsAtAFailedWriteAndTheSessionContinues) {
  ServerProcess server(recording({"-v"}));
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_FSIZE, 70'000));
  const auto bytes = varied_bytes(1'000'000);
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, bytes), bytes);
  EXPECT_EQ(read_text(recording(client)), bytes.substr(0, 70'000));
  EXPECT_EQ(server.stop(), 0);
  const auto& log = server.log();
  EXPECT_EQ(occurrences(log, " stopped after 70000 bytes: File too large\n"), 1U) << log;
  EXPECT_TRUE(contains(log, " bytes_out=1000000 "));
  EXPECT_TRUE(contains(log, " reason=client_closed bytes_recorded=70000\n"));
}

// Only the last client is killed at the stop.
TEST_P(RecordedInMode, LeavesNoEmptyFiles) {
  ServerProcess server(recording({"--mode", GetParam(), "--drain-timeout", "0"}));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ClientSocket(server.port()).connected());
  const ClientSocket killed(server.port());
  EXPECT_TRUE(eventually([&] { return fs::exists(recording(killed)); }));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(fs::is_empty(directory));
}

// The connection takes the last descriptor.
TEST_F(Recorded, IsSkippedIfDescriptorsRunOut) {
  ServerProcess server(recording());
  static_cast<void>(server.status());  // its start is over, and the files of the start are closed
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, count_descriptors(server.pid()) + 1));
  EXPECT_TRUE(serves(server));
  EXPECT_TRUE(fs::is_empty(directory));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.log(), ": Too many open files\n"));
}

// Root without capabilities is a user like others.
TEST_F(Recorded, NeedsADirectoryThatItsUserCanWrite) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const PublicCopy program;
  const auto expect_refused = [&](const std::vector<std::string>& options) {
    const auto result = run(command_line({program.path(), "--port", "0"}, recording(options)));
    EXPECT_TRUE(fails(result, 73, "--record"));
    EXPECT_TRUE(contains(result.errors, "Permission denied"));
  };
  expect_refused({"--user", "nobody"});
  ASSERT_EQ(::chown(directory.c_str(), 65534, 65534), 0);
  expect_refused({});
}

// The directory is opened before --user takes effect, because that user may not be able to reach its path.
TEST_F(Recorded, BelongsToTheUserEvenInAnUnreachableDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "--user needs root";
  const auto place = directory / "place";
  ASSERT_TRUE(fs::create_directory(place));
  ASSERT_EQ(::chmod(place.c_str(), 0777), 0);
  ASSERT_EQ(::chmod(directory.c_str(), 0700), 0);
  const PublicCopy program;
  ServerProcess server({"--record", place.string(), "--user", "nobody"}, {}, {program.path()});
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, "x"), "x");
  struct stat status {};
  ASSERT_EQ(::stat((place / recording(client).filename()).c_str(), &status), 0) << server.log();
  EXPECT_EQ(status.st_uid, 65534U);
  EXPECT_EQ(status.st_size, 1);
}

TEST_F(Recorded, GivesTheChildTwoDescriptorsAndItsSandbox) {
  ServerProcess server(recording());
  static_cast<void>(server.status());  // its start is over, and the files of the start are closed
  const auto before = count_descriptors(server.pid());
  const bool strict = TCPSERVER_TEST_SMALL_CHILDREN && !under_seccomp_filter();
  const auto clients = open_sessions(server, 3);
  for (const auto& child : find_children(server.pid())) {
    EXPECT_EQ(count_descriptors(child.pid), 2U);
    EXPECT_EQ(read_proc_status(child.pid, "Seccomp"), strict ? "1" : "2");
  }
  EXPECT_TRUE(eventually([&] { return count_descriptors(server.pid()) == before; }))
      << "the parent keeps none";
}

// Low numbers are free, so that connection and file are not adjacent, in either order.
TEST_F(Recorded, WorksWithGapsBetweenDescriptors) {
  ServerProcess server(
      recording(), {},
      {"/bin/sh", "-c", "exec 3<&- 5</dev/null 7</dev/null 9</dev/null; exec \"$0\" \"$@\""});
  for (int i = 0; i < 3; ++i) {
    auto client = open_session(server);
    EXPECT_EQ(count_descriptors(find_child(server)), 2U);
    client.half_close();
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(read_text(recording(client)), "x");
    EXPECT_TRUE(eventually([&] { return find_children(server.pid()).empty(); }));
  }
}

// Makes a child write without counting, as a compromised one could.
TEST_F(Recorded, LimitAppliesToACompromisedChild) {
  constexpr std::size_t limit = 100;
  for (const std::vector<std::string>& wrapper :
       {std::vector<std::string>{}, {UNDER_FILTER_PROGRAM, "--deny-stack"}}) {
    ServerProcess server(recording({"--record-limit", std::to_string(limit)}), {}, wrapper);
    auto client = open_session(server);
    const auto file = recording(client);
    const pid_t child = find_child(server);
    ASSERT_TRUE(reaches_state(child, 'S'));
    const auto write = [&] {
      const std::string text(3 * limit, 'y');
      return call_in(child, SYS_write, {find_descriptor(child, file), in_text, text.size()}, text);
    };
    const auto first = write();
    if (!first.possible) GTEST_SKIP() << "no way to have a process make a call here";
    EXPECT_EQ(first.value, static_cast<long>(limit - 1));
    ASSERT_TRUE(reaches_state(child, 'S'));
    const auto second = write();
    EXPECT_EQ(second.killed_by, 0);
    EXPECT_EQ(second.value, -EFBIG);
    EXPECT_EQ(fs::file_size(file), limit);
    EXPECT_EQ(echo_through(client, "y"), "y") << "the session goes on";
  }
}

}  // namespace
