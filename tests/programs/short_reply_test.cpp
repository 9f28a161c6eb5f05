#include "harness/figure.hpp"
#include "harness/json.hpp"
#include "harness/own_server.hpp"
#include "harness/server_process.hpp"
#include "harness/stalled_reader.hpp"
#include "harness/text.hpp"
#include "programs/load.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <utility>

// A server can close with FIN before it has sent everything back. The clients compare byte counts.
namespace {

using namespace harness;
using namespace std::chrono_literals;

constexpr int io_error = 74;

// "20 of 32", as the programs say it.
bool says(const Finished& result, std::size_t came, std::size_t sent) {
  return contains(result.errors, " " + std::to_string(came) + " of " + std::to_string(sent) + " bytes");
}

// Runs tcpclient against a server that reads everything and sends back `count` bytes, padded with 'x'.
Finished client_that_gets(std::size_t count, const std::vector<std::string>& options,
                          const std::string& input = "") {
  OwnServer server(1, [count](int connection) {
    auto text = read_all(connection);
    text.resize(count, 'x');
    if (!text.empty()) write_text(connection, text);
  });
  std::vector<std::string> command{TCPCLIENT_PROGRAM, "127.0.0.1", server.port()};
  command.insert(command.end(), options.begin(), options.end());
  return run(command, {.input = input});
}

TEST(TcpClient, FailsWhenTheReplyIsShorterThanTheInput) {
  const auto input = varied_bytes(100'000);
  const auto result = client_that_gets(99'999, {}, input);
  EXPECT_EQ(result.ending, io_error);
  EXPECT_TRUE(says(result, 99'999, 100'000)) << result.errors;
  EXPECT_TRUE(result.output == input.substr(0, 99'999)) << "what came is printed all the same";
}

TEST(TcpClient, FailsWhenTheReplyIsShorterThanTheMessage) {
  const std::string message = "hello";  // and a newline
  for (const std::size_t count : {0U, 3U}) {
    const auto result = client_that_gets(count, {"--message", message});
    EXPECT_EQ(result.ending, io_error);
    EXPECT_TRUE(says(result, count, message.size() + 1)) << result.errors;
    EXPECT_EQ(result.output, message.substr(0, count));
  }
}

// The server need not be an echo.
TEST(TcpClient, SucceedsWhenTheReplyIsLongerThanTheInput) {
  const auto result = client_that_gets(1000, {}, "hello");
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(result.output.size(), 1000U);
}

TEST(TcpClient, SucceedsWhenNothingIsSentAndNothingComesBack) {
  EXPECT_EQ(client_that_gets(0, {}).ending, 0);
}

// A client with a stalled reader and a session of the real server that ends by its idle time-out.
class StalledClient {
 public:
  explicit StalledClient(std::chrono::milliseconds idle_timeout)
      : server_({"--idle-timeout", std::to_string(idle_timeout.count()) + "ms"}),
        input_(make_pipe()),
        client_({TCPCLIENT_PROGRAM, "127.0.0.1", std::to_string(server_.port())},
                {.input_fd = input_[0], .output_fd = reader_.fd()}) {}
  ~StalledClient() {
    ::close(input_[0]);
    close_input();
  }
  StalledClient(const StalledClient&) = delete;
  StalledClient& operator=(const StalledClient&) = delete;

  // Sends until the buffers between server and client are full and the server gives up. A piece is sent only
  // after the server has sent the last one on, and the server reads it at once: so it leaves nothing unread,
  // for which the kernel would reset the connection.
  [[nodiscard]] bool send_until_server_gives_up() {
    const std::string piece(piece_size, 'x');
    return eventually([&] {
      if (out_ == sent_ && ::write(input_[1], piece.data(), piece.size()) > 0) sent_ += piece.size();
      const auto status = server_.status();
      in_ = figure_before(status, " bytes in");
      out_ = figure_before(status, " out");
      return figure_before(status, " idle time-out") == 1;
    });
  }

  // False where the server found the session idle before the buffers were full: the machine is slow.
  [[nodiscard]] bool reply_is_cut() const { return in_ == sent_ && out_ < in_; }

  [[nodiscard]] Finished finish() {
    close_input();
    EXPECT_TRUE(eventually([&] {
      reader_.read_all();
      return !client_.running();
    }));
    const auto ending = client_.wait();
    return {.ending = ending, .output = "", .errors = client_.errors()};
  }

  [[nodiscard]] std::size_t sent() const { return sent_; }
  [[nodiscard]] std::size_t came_back() const { return out_; }

 private:
  static constexpr std::size_t piece_size = 32UL * 1024;  // fits into one segment on loopback

  static std::array<int, 2> make_pipe() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    return ends;
  }
  void close_input() {
    if (input_[1] >= 0) ::close(std::exchange(input_[1], -1));
  }

  ServerProcess server_;
  StalledReader reader_;
  std::array<int, 2> input_;
  Process client_;
  std::size_t sent_ = 0;
  std::size_t in_ = 0;
  std::size_t out_ = 0;
};

TEST(TcpClient, FailsWhenTheIdleTimeoutCutsTheEcho) {
  constexpr auto longest = 16s;
  for (std::chrono::milliseconds idle_timeout = 500ms; idle_timeout <= longest; idle_timeout *= 2) {
    StalledClient client(idle_timeout);
    ASSERT_TRUE(client.send_until_server_gives_up());
    if (!client.reply_is_cut()) continue;
    const auto result = client.finish();
    EXPECT_EQ(result.ending, io_error);
    // Plain children reset the connection.
    const bool reset = contains(result.errors, "reset by peer");
    const bool counted = says(result, client.came_back(), client.sent());
    EXPECT_TRUE(TCPSERVER_TEST_SMALL_CHILDREN ? counted : reset) << result.errors;
    return;
  }
  FAIL() << "no session ended with a part of the echo in the server's buffer";
}

struct ShortReply {
  const char* name;
  std::vector<std::string> options;
  OwnServer::Answer answer;
  std::size_t came;
  std::size_t sent;
};

void PrintTo(const ShortReply& reply, std::ostream* stream) {
  *stream << reply.name;
}

constexpr std::size_t part_size = 20;
constexpr std::size_t stream_size = 100'000;

void answer_first_message_alone(int connection) {
  write_text(connection, read_message(connection));
  write_text(connection, read_message(connection).substr(0, part_size));
}

class TcpLoad : public ::testing::TestWithParam<ShortReply> {};

TEST_P(TcpLoad, FailsWhenTheReplyIsShort) {
  const auto& reply = GetParam();
  OwnServer server(1, reply.answer);
  auto options = reply.options;
  options.insert(options.end(), {"--concurrency", "1", "--json"});
  const auto result = run(load_on(server.port(), options));
  EXPECT_EQ(result.ending, io_error);
  EXPECT_TRUE(says(result, reply.came, reply.sent)) << result.errors;
  EXPECT_EQ(Json(result.output).values("errors errors_by_kind.closed_early"), "1 1");
}

INSTANTIATE_TEST_SUITE_P(
    Modes, TcpLoad,
    ::testing::Values(
        ShortReply{"Hold", {"--hold", "1ms"}, answer_first_message_alone, part_size, message_size},
        ShortReply{"Ping", {"--ping", "3"}, answer_first_message_alone, part_size, message_size},
        ShortReply{
            "Bulk",
            {"--bulk", std::to_string(stream_size)},
            [](int connection) { write_text(connection, read_all(connection).substr(0, stream_size - 1)); },
            stream_size - 1,
            stream_size}),
    [](const auto& test) { return test.param.name; });

}  // namespace
