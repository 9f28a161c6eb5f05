#include "client/client.hpp"

#include "tcpserver/base/system_error.hpp"

#include "client/client_pool.hpp"
#include "client/connect.hpp"
#include "client/exchange.hpp"
#include "client/prompt.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace tcpserver::client {

namespace {

using base::ExitStatus;

void hold(const ClientOptions& options) {
  std::this_thread::sleep_for(options.delay);
}

// The streaming counterpart of asking first: no connection is held while there is nothing to send.
void wait_for_input() {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  while (::poll(&input, 1, -1) < 0) {
    if (errno != EINTR) throw base::system_error("wait for input");
  }
}

ExitStatus stream(const ClientOptions& options) {
  if (options.ask_first) wait_for_input();
  const auto connection = connect_to_host(options.host, options.port, options.timeout);
  hold(options);
  exchange(connection.get(), {.fd = STDIN_FILENO, .text = {}}, STDOUT_FILENO, options.timeout);
  return ExitStatus::ok;
}

ExitStatus say_sentence(const ClientOptions& options) {
  std::optional<std::string> sentence;
  if (options.message) sentence = *options.message + "\n";
  if (options.ask_first) {
    sentence = ask_for_sentence(-1);
    if (!sentence) return ExitStatus::ok;
  }
  const auto connection = connect_to_host(options.host, options.port, options.timeout);
  if (!sentence) sentence = ask_for_sentence(connection.get());
  if (!sentence) return ExitStatus::ok;

  hold(options);
  exchange(connection.get(), {.fd = -1, .text = *sentence}, STDOUT_FILENO, options.timeout);
  return ExitStatus::ok;
}

}  // namespace

ExitStatus run_client(const ClientOptions& options) {
  if (options.clients > 0) return run_many_clients(options);
  const bool streaming = !options.message && ::isatty(STDIN_FILENO) == 0;
  return streaming ? stream(options) : say_sentence(options);
}

}  // namespace tcpserver::client
