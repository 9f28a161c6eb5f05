#include "harness/server_process.hpp"
#include "harness/terminal.hpp"

#include <cstdlib>
#include <optional>

// A server in the foreground gets SIGHUP when its terminal is closed.
namespace {

using namespace harness;

class Hangup : public ::testing::Test {
 protected:
  // Starts a server on a terminal, opens a session, and closes the terminal.
  void hang_up(const std::vector<std::string>& options, const std::vector<std::string>& wrapper = {}) {
    const std::string announcement = "Server is listening on port ";
    terminal.emplace(command_line(command_line(wrapper, {"--port", "0", "--drain-timeout", "1h"}), options));
    ASSERT_TRUE(terminal->shows(announcement));
    ASSERT_TRUE(terminal->shows("\r\n"));
    const auto& shown = terminal->shown();
    port =
        static_cast<std::uint16_t>(std::atoi(shown.c_str() + shown.find(announcement) + announcement.size()));
    client.emplace(port);
    ASSERT_TRUE(echoes(*client));
    terminal->hang_up();
  }
  [[nodiscard]] bool listens() const { return ClientSocket(port).connected(); }

  std::optional<Terminal> terminal;
  std::optional<ClientSocket> client;
  std::uint16_t port = 0;
};

TEST_F(Hangup, DrainsLikeSigterm) {
  hang_up({});
  ASSERT_TRUE(eventually([&] { return !listens(); }));
  terminal->process().signal(SIGHUP);  // a shell repeats the kernel's signal
  EXPECT_TRUE(echoes(*client)) << "the session may finish";
  client->close();
  EXPECT_EQ(terminal->process().wait(), 0);
}

TEST_F(Hangup, ReloadsWithAConfiguration) {
  const TextFile file("max-connections = 9\n");
  hang_up({"--config", file.path()});
  EXPECT_TRUE(echoes(*client));
  EXPECT_TRUE(listens());
  client->close();
  terminal->process().signal(SIGTERM);
  EXPECT_EQ(terminal->process().wait(), 0);
}

TEST_F(Hangup, StaysIgnoredUnderNohup) {
  hang_up({}, {"/bin/sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""});
  EXPECT_TRUE(echoes(*client));
  EXPECT_TRUE(listens());
  client->close();
  terminal->process().signal(SIGTERM);
  EXPECT_EQ(terminal->process().wait(), 0);
}

}  // namespace
