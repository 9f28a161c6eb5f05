#include "harness/json.hpp"
#include "harness/stalled_reader.hpp"
#include "harness/text.hpp"
#include "programs/load.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ostream>

// A server can close with FIN before it has sent everything back. The clients compare byte counts.
namespace {

using namespace harness;
using namespace std::chrono_literals;

constexpr int io_error = 74;

// Whether the error message says "20 of 32 bytes".
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

TEST(TcpClient, FailsWhenTheReplyIsShort) {
  const auto input = varied_bytes(100'000);
  const auto result = client_that_gets(99'999, {}, input);
  EXPECT_EQ(result.ending, io_error);
  EXPECT_TRUE(says(result, 99'999, 100'000)) << result.errors;
  EXPECT_TRUE(result.output == input.substr(0, 99'999)) << "the reply is printed";
  for (const std::size_t count : {0U, 3U}) {
    const auto short_of_message = client_that_gets(count, {"--message", "hello"});
    EXPECT_EQ(short_of_message.ending, io_error);
    EXPECT_TRUE(says(short_of_message, count, 6)) << short_of_message.errors;
  }
}

// The server need not be an echo.
TEST(TcpClient, SucceedsWhenTheReplyIsAtLeastAsLongAsTheInput) {
  const auto result = client_that_gets(1000, {}, "hello");
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(result.output.size(), 1000U);
  EXPECT_EQ(client_that_gets(0, {}).ending, 0);
}

// The client's reader stalls, and the session of the real server ends by its idle timeout. Returns false if
// the server found the session idle before the buffers were full, because the machine is slow.
bool idle_timeout_cuts_the_echo(std::chrono::milliseconds idle_timeout) {
  ServerProcess server({"--idle-timeout", std::to_string(idle_timeout.count()) + "ms"});
  StalledReader reader;
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Process client({TCPCLIENT_PROGRAM, "127.0.0.1", port_text(server)},
                 {.input_fd = ends[0], .output_fd = reader.fd()});
  ::close(ends[0]);
  // Send until the buffers are full and the server gives up. Each piece waits until the server has sent the
  // last one on, and the server reads it at once. So nothing is left unread, for which the kernel would reset
  // the connection.
  const std::string piece(32UL * 1024, 'x');  // fits into one segment on loopback
  std::size_t sent = 0;
  std::size_t in = 0;
  std::size_t out = 0;
  EXPECT_TRUE(eventually([&] {
    if (out == sent && ::write(ends[1], piece.data(), piece.size()) > 0) sent += piece.size();
    const auto status = server.status();
    in = number_before(status, " bytes in");
    out = number_before(status, " out");
    return number_before(status, " idle timeout") == 1;
  }));
  ::close(ends[1]);
  if (in != sent || out >= in) return false;
  EXPECT_TRUE(eventually([&] {
    reader.read_all();
    return !client.running();
  }));
  EXPECT_EQ(client.wait(), io_error);
  const Finished result{.ending = io_error, .output = "", .errors = client.errors()};
  // Plain children reset the connection.
  EXPECT_TRUE(TCPSERVER_TEST_SMALL_CHILDREN ? says(result, out, sent)
                                            : bool(contains(result.errors, "reset by peer")))
      << result.errors;
  return true;
}

TEST(TcpClient, FailsWhenTheIdleTimeoutCutsTheEcho) {
  for (auto idle_timeout = 500ms; idle_timeout <= 16s; idle_timeout *= 2) {
    if (idle_timeout_cuts_the_echo(idle_timeout)) return;
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
  const auto result = run(load_command(server.port(), options));
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
