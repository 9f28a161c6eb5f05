#include "tcpserver/cli/option_values.hpp"

#include "client/client.hpp"

namespace tcpserver::client {

namespace {

constexpr cli::Program tcpclient_program{
    .name = "tcpclient",
    .synopsis = "[OPTION]... [HOST [PORT]]",
    .purpose =
        "Send a sentence to a TCP server (localhost, port 54321) and print the reply. Where standard\n"
        "input is not a terminal: send all of it, and print every byte that comes back. Or be many\n"
        "clients at once, and show how long each of them waited.",
    .operands = "HOST PORT",
    .notes = "Durations (D): 800us, 250ms, 2s, 1.5m, 1h; a bare number is seconds.\n",
};

// Refuses combinations that make no sense, and sets the default of --slow.
void settle(ClientOptions& options) {
  const bool many = options.clients > 0;
  const bool delayed = options.delay > base::Duration::zero();
  const std::uint32_t slow = options.slow.value_or(delayed ? 1 : 0);
  const std::string needs_clients = " is for many clients at once: it needs --clients";
  const std::pair<bool, std::string> refusals[] = {
      {options.ask_first && options.message,
       "--ask-first and --message exclude each other: with a message there is nothing to ask"},
      {options.ask_first && many, "--ask-first and --clients exclude each other: many ask nobody"},
      {options.slow && !many, "--slow" + needs_clients},
      {options.service && !many, "--service" + needs_clients},
      {options.json && !many, "--json" + needs_clients},
      {many && slow > options.clients, "--slow: " + std::to_string(slow) + " are more than the " +
                                           std::to_string(options.clients) + " of --clients"},
      {many && slow > 0 && !delayed,
       "--slow needs --delay: how long the slow clients hold their connections"},
      {many && slow == 0 && delayed, "--delay has no effect on --clients of which none is --slow"}};
  for (const auto& [refused, why] : refusals) {
    if (refused) throw cli::usage_error(why);
  }
  if (many) options.slow = slow;
}

cli::OptionTable<ClientOptions> client_option_table() {
  using O = ClientOptions;
  return {
      {"ask-first", '\0', "", "", "ask for the sentence before connecting: the client that causes no delay",
       cli::member(&O::ask_first, cli::on_or_off)},
      {"message", '\0', "TEXT", "", "send this line, ask for none, and leave standard input alone",
       cli::member(&O::message, cli::any_text)},
      {"delay", '\0', "D", "0s", "hold the connection for D between connecting and sending",
       cli::member(&O::delay, cli::duration)},
      {"timeout", '\0', "D", "none",
       "give up, with exit status 75, when connecting takes longer or the server lets us wait longer with no "
       "byte moved",
       cli::member(&O::timeout, cli::duration_above_zero("a time-out"))},
      {"clients", '\0', "N", "",
       "connect N clients at once, 1 to 10000, each with a sentence of its own or --message, compare the "
       "replies, and draw what happened when",
       cli::member(&O::clients, cli::number(1, most_clients, "a number of clients"))},
      {"slow", '\0', "K", "1 with --delay, else 0",
       "so many of the --clients, the first, hold their connections for the delay; the others send at once",
       cli::member(&O::slow, cli::number(0, most_clients, "a number of clients"))},
      {"service", '\0', "WORD", "echo",
       "with --clients: the service of the server, with which replies are compared",
       cli::service(&O::service)},
      {"json", '\0', "", "", "the timeline of the --clients as one JSON document",
       cli::member(&O::json, cli::on_or_off)},
      {"help", 'h', "", "", "show this and exit"},
      {"version", 'V', "", "", "show the version and exit"},
  };
}

}  // namespace

ClientCommand parse_client_command(int argc, char* const* argv) {
  ClientCommand command;
  ClientOptions& options = command.options;
  auto parsed = cli::parse_arguments(tcpclient_program, client_option_table(), options, argc, argv);
  command.text_to_show = std::move(parsed.text_to_show);
  if (!command.text_to_show.empty()) return command;

  cli::take_host_and_port(parsed.operands, options.host, options.port);
  settle(options);
  return command;
}

}  // namespace tcpserver::client
