#include "client/options.hpp"

#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/host_and_port.hpp"

namespace tcpserver::client {

namespace {

using base::ExitStatus;
using base::StartError;

constexpr cli::Program tcpclient_program{
    .name = "tcpclient",
    .synopsis = "[OPTION]... [HOST [PORT]]",
    .purpose =
        "Send a sentence to a TCP server (localhost, port 54321) and print the reply. Where standard\n"
        "input is not a terminal: send all of it, and print every byte that comes back. Or be many\n"
        "clients at once, and show how long each of them waited.",
    .environment_prefix = "",
    .operands = "HOST PORT",
    .notes = "Durations (D): 800us, 250ms, 2s, 1.5m, 1h; a bare number is seconds.\n",
};

std::uint32_t number_of_clients(const cli::Given& given, std::uint32_t least) {
  const auto value = base::parse_count(given.text, least, most_clients);
  if (!value) {
    cli::refuse(given, "a number of clients: a whole number from " + std::to_string(least) + " to " +
                           std::to_string(most_clients));
  }
  return static_cast<std::uint32_t>(*value);
}

// Options that have to do with each other. Sets how many are slow, where nobody said.
void settle(ClientOptions& options) {
  if (options.ask_first && options.message) {
    throw cli::contradiction(
        "--ask-first and --message exclude each other: with a message there is nothing to ask");
  }
  if (options.clients == 0) {
    const char* const lonely = options.slow ? "--slow" : options.service ? "--service" : "--json";
    if (options.slow || options.service || options.json) {
      throw cli::contradiction(std::string(lonely) + " is for many clients at once: it needs --clients");
    }
    return;
  }
  if (options.ask_first)
    throw cli::contradiction("--ask-first and --clients exclude each other: many ask nobody");
  const bool delayed = options.delay > base::Duration::zero();
  if (!options.slow) options.slow = delayed ? 1 : 0;
  if (*options.slow > options.clients) {
    throw cli::contradiction("--slow: " + std::to_string(*options.slow) + " are more than the " +
                             std::to_string(options.clients) + " of --clients");
  }
  if (*options.slow > 0 && !delayed) {
    throw cli::contradiction("--slow needs --delay: how long the slow clients hold their connections");
  }
  if (*options.slow == 0 && delayed) {
    throw cli::contradiction("--delay has no effect on --clients of which none is --slow");
  }
}

}  // namespace

cli::OptionTable client_option_table(ClientOptions& target) {
  return {
      {"ask-first", '\0', "", "", "ask for the sentence before connecting: the client that causes no delay",
       [&target](const cli::Given&) { target.ask_first = true; }},
      {"message", '\0', "TEXT", "", "send this line, ask for none, and leave standard input alone",
       [&target](const cli::Given& given) { target.message = given.text; }},
      {"delay", '\0', "D", "0s", "hold the connection for D between connecting and sending",
       [&target](const cli::Given& given) { target.delay = cli::duration_of(given); }},
      {"timeout", '\0', "D", "none",
       "give up, with exit status 75, when connecting takes longer or the server lets us wait longer with no "
       "byte moved",
       [&target](const cli::Given& given) {
         target.timeout = cli::duration_of(given);
         if (target.timeout == base::Duration::zero()) cli::refuse(given, "a time-out: it must be above 0");
       }},
      {"clients", '\0', "N", "",
       "connect N clients at once, 1 to " + std::to_string(most_clients) +
           ", each with a sentence of its own or --message, compare the replies, and draw what happened when",
       [&target](const cli::Given& given) { target.clients = number_of_clients(given, 1); }},
      {"slow", '\0', "K", "1 with --delay, else 0",
       "so many of the --clients, the first, hold their connections for the delay; the others send at once",
       [&target](const cli::Given& given) { target.slow = number_of_clients(given, 0); }},
      {"service", '\0', "SERVICE", "echo",
       "what the server of the --clients does, " + cli::service_names() +
           ": their replies are compared with that",
       [&target](const cli::Given& given) { target.service = cli::parse_service(given); }},
      {"json", '\0', "", "", "the timeline of the --clients as one JSON document",
       [&target](const cli::Given&) { target.json = true; }},
      {"help", 'h', "", "", "show this and exit", nullptr},
      {"version", 'V', "", "", "show the version and exit", nullptr},
  };
}

ClientCommand parse_client_command(int argc, char* const* argv) {
  ClientCommand command;
  ClientOptions& options = command.options;
  char* const no_variables[] = {nullptr};
  auto parsed =
      cli::parse_arguments(tcpclient_program, client_option_table(options), {}, argc, argv, no_variables);
  command.text_to_show = std::move(parsed.text_to_show);
  if (!command.text_to_show.empty()) return command;

  cli::take_host_and_port(parsed.operands, options.host, options.port);
  settle(options);
  return command;
}

}  // namespace tcpserver::client
