#include "tcpserver/server/report/recorder.hpp"

#include "tcpserver/base/system_error.hpp"

#include "harness/captured_errors.hpp"
#include "harness/file_size_limit.hpp"
#include "harness/temporary_directory.hpp"
#include "harness/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <regex>
#include <string>
#include <vector>

namespace tcpserver::server {
namespace {

using base::SocketAddress;
using harness::occurrences;
namespace fs = std::filesystem;

class RecorderTest : public ::testing::Test {
 protected:
  static SocketAddress peer(const std::string& address = "127.0.0.1", std::uint16_t port = 40112) {
    return SocketAddress::parse(address, port).value();
  }

  CapturedErrors errors;
  Log log;
  const harness::TemporaryDirectory place;
  const fs::path directory = place.path();
};

TEST_F(RecorderTest, NamesFilesAfterThePeer) {
  Recorder recorder(directory, 0, log);
  const std::vector<std::pair<SocketAddress, std::string>> peers = {
      {peer(), "tcpserver.127.0.0.1:40112.dat"},
      {peer("::1", 1), "tcpserver.[::1]:1.dat"},
      {peer("2001:db8:1111:2222:3333:4444:5555:6666", 65535),
       "tcpserver.[2001:db8:1111:2222:3333:4444:5555:6666]:65535.dat"},
      // An interface that does not exist is named by its number.
      {*SocketAddress::from_bytes(AF_INET6, peer("fe80::1").bytes().data(), 7, 4000000000),
       "tcpserver.[fe80::1%4000000000]:7.dat"}};
  for (const auto& [address, name] : peers) {
    const auto file = recorder.begin(address).file;
    ASSERT_TRUE(file);
    EXPECT_TRUE(fs::exists(directory / name)) << name;
    fs::remove(directory / name);
  }
  EXPECT_TRUE(fs::is_empty(directory)) << "no other names";
}

TEST_F(RecorderTest, OpensAPrivateFileForWriting) {
  Recorder recorder(directory, 12, log);
  const auto mask = ::umask(0);
  const auto file = recorder.begin(peer()).file;
  ::umask(mask);
  struct stat status {};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U) << "for its user only";
  const auto recording = recorder.recording_in(file.get());
  EXPECT_EQ(Recorder(directory, 0, log).recording_in(file.get()).room,
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(recording.descriptor, file.get());
  EXPECT_EQ(recording.room, 12U);
  EXPECT_EQ(::fcntl(file.get(), F_GETFL) & O_ACCMODE, O_WRONLY);
  EXPECT_EQ(::fcntl(file.get(), F_GETFD), FD_CLOEXEC);
}

// The second file has the time in its name. An existing link is not followed.
TEST_F(RecorderTest, DoesNotOverwriteFiles) {
  Recorder recorder(directory, 0, log);
  fs::create_symlink(directory / "victim", directory / "tcpserver.127.0.0.1:40112.dat");
  std::vector<base::UniqueFd> files;
  for (int i = 0; i < 100; ++i) {
    files.push_back(recorder.begin(peer()).file);
    ASSERT_TRUE(files.back()) << "file " << i;
  }
  EXPECT_FALSE(fs::exists(directory / "victim"));
  const std::regex with_time(R"(tcpserver\.127\.0\.0\.1:40112(\.\d{8}T\d{6}\.\d{6}Z)?\.dat)");
  int count = 0;
  for (const auto& entry : fs::directory_iterator(directory)) {
    ++count;
    EXPECT_TRUE(std::regex_match(entry.path().filename().string(), with_time)) << entry.path();
  }
  EXPECT_EQ(count, 101);
}

TEST_F(RecorderTest, RemovesOnlyItsOwnEmptyFile) {
  Recorder recorder(directory, 0, log);
  const auto first = recorder.begin(peer());
  const auto second = recorder.begin(peer());
  const auto third = recorder.begin(peer());
  ASSERT_TRUE(first.file && second.file && third.file);
  ASSERT_EQ(::write(first.file.get(), "x", 1), 1);
  // The child of the first session claims that its file is empty.
  recorder.end(peer(), first.time, {});
  recorder.end(peer(), second.time, {});
  const auto count = [&] { return std::distance(fs::directory_iterator(directory), {}); };
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(fs::file_size(directory / "tcpserver.127.0.0.1:40112.dat"), 1U);
  recorder.end(peer(), third.time, {});
  EXPECT_EQ(count(), 1);
}

// A directory may allow only the creation of files. Root ignores its mode, so the test is another user.
TEST_F(RecorderTest, WarnsOnceIfEmptyFilesStay) {
  Recorder recorder(directory, 0, log);
  const auto recording = recorder.begin(peer());
  ASSERT_TRUE(recording.file);
  ASSERT_EQ(::chmod(directory.c_str(), 0555), 0);
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  for (int i = 0; i < 3; ++i) recorder.end(peer(), recording.time, {});
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_EQ(::chmod(directory.c_str(), 0755), 0);
  EXPECT_EQ(occurrences(errors.read_all(), "; empty files stay there\n"), 1U);
}

// Files stay in the directory that was opened at the start, even if its path changes.
TEST_F(RecorderTest, StaysInItsDirectory) {
  fs::create_directory(directory / "first");
  Recorder recorder(directory / "first", 0, log);
  fs::rename(directory / "first", directory / "moved");
  fs::create_directory(directory / "first");
  EXPECT_TRUE(recorder.begin(peer()).file);
  EXPECT_TRUE(fs::exists(directory / "moved" / "tcpserver.127.0.0.1:40112.dat"));
  EXPECT_TRUE(fs::is_empty(directory / "first"));
}

TEST_F(RecorderTest, NeedsADirectory) {
  std::ofstream(directory / "file") << "text";
  for (const auto* name : {"none", "file"}) {
    try {
      const Recorder recorder(directory / name, 0, log);
      ADD_FAILURE() << name << " was accepted";
    } catch (const base::StartError& error) {
      EXPECT_EQ(error.status(), base::ExitStatus::cannot_create);
      EXPECT_TRUE(harness::contains(error.what(), directory / name));
    }
  }
}

// If a file has reached the process's size limit, the recorder knows before it writes.
TEST_F(RecorderTest, LowersItsLimitToTheProcessLimit) {
  const harness::FileSizeLimit limit(4096);
  const auto room = [this](std::uint64_t asked) {
    return Recorder(directory, asked, log).recording_in(0).room;
  };
  EXPECT_EQ(room(0), 4096U);
  EXPECT_EQ(room(4097), 4096U);
  EXPECT_EQ(occurrences(errors.read_all(), "limits each file to 4096 bytes"), 2U);
  EXPECT_EQ(room(4096), 4096U);
  EXPECT_EQ(room(10), 10U);
  EXPECT_EQ(errors.read_all(), "");
}

}  // namespace
}  // namespace tcpserver::server
