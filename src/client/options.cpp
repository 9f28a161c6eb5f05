#include "tcpserver/cli/option_values.hpp"

#include "client/client.hpp"

namespace tcpserver::client {

namespace {

constexpr cli::Synonym synonyms[] = {
    {"msg", "message"}, {"text", "message"}, {"connections", "clients"}, {"wait", "delay"}};

constexpr cli::Program tcpclient_program{
    .name = "tcpclient",
    .synopsis = "[OPTION]... [HOST[:PORT] | HOST PORT]",
    .purpose =
        "Send a sentence to a TCP server (default localhost:54321) and print the reply. If standard input "
        "is not a terminal, send all of it and print every byte of the reply. With --clients, run many "
        "clients at once and show how long each one waited.",
    .operands = "HOST PORT",
    .notes = "Durations (D): 800us, 250ms, 2s, 1.5m, 1h; a bare number is in seconds.\n",
    .examples =
        "  tcpclient -m hello localhost 7000\n"
        "  tcpclient <file >reply localhost 7000\n"
        "  tcpclient --clients 5 --delay 2s localhost 7000\n",
    .manual = "tcpclient",
    .synonyms = synonyms,
};

// Refuses options that exclude or need each other, and sets the default of --slow.
void complete(ClientOptions& options) {
  const bool many = options.clients > 0;
  const bool delayed = options.delay > base::Duration::zero();
  const std::uint32_t slow = options.slow.value_or(delayed ? 1 : 0);
  const std::string needs_clients = " needs --clients";
  const std::pair<bool, std::string> refusals[] = {
      {options.ask_first && options.message, "--ask-first and --message exclude each other"},
      {options.ask_first && many, "--ask-first and --clients exclude each other"},
      {options.slow && !many, "--slow" + needs_clients},
      {options.service && !many, "--service" + needs_clients},
      {options.json && !many, "--json" + needs_clients},
      {many && slow > options.clients,
       "--slow: " + std::to_string(slow) + " is more than --clients " + std::to_string(options.clients)},
      {many && slow > 0 && !delayed, "--slow needs --delay"},
      {many && slow == 0 && delayed, "--delay has no effect with --slow 0"}};
  for (const auto& [refused, why] : refusals) {
    if (refused) throw cli::usage_error(why);
  }
  if (many) options.slow = slow;
}

cli::OptionTable<ClientOptions> client_option_table() {
  using O = ClientOptions;
  return {
      cli::heading<O>("One client"),
      {"ask-first", '\0', "", "", "ask for the sentence before connecting, so that the server does not wait",
       cli::member(&O::ask_first, cli::on_or_off)},
      {"message", 'm', "TEXT", "", "send this line and do not read standard input",
       cli::member(&O::message, cli::any_text)},
      cli::heading<O>("Timing"),
      {"delay", '\0', "D", "0s", "wait for D between connecting and sending",
       cli::member(&O::delay, cli::duration)},
      {"timeout", 't', "D", "none",
       "exit with status 75 if connecting takes longer than D, or if no byte is transferred for D",
       cli::member(&O::timeout, cli::duration_above_zero)},
      cli::heading<O>("Many clients"),
      {"clients", 'n', "N", "", "run N clients at once, 1 to 10000, check their replies, and draw a timeline",
       cli::member(&O::clients, cli::number(1, max_clients))},
      {"slow", '\0', "K", "1 with --delay, else 0",
       "let the first K clients hold their connections for the --delay; the others send at once",
       cli::member(&O::slow, cli::number(0, max_clients))},
      {"service", '\0', "WORD", "echo", "expect the replies of this service", cli::service(&O::service)},
      {"json", '\0', "", "", "print the timeline of --clients as JSON",
       cli::member(&O::json, cli::on_or_off)},
      cli::heading<O>("Information"),
      {"help", 'h', "", "", "show this help; -h shows only the names"},
      {"version", 'V', "", "", "show the version, the features and the license"},
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
  complete(options);
  return command;
}

}  // namespace tcpserver::client
