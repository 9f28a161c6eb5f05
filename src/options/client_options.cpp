#include "tcpserver/options/client_options.hpp"

#include "tcpserver/options/values.hpp"

namespace tcpserver::options {

namespace {

constexpr Program tcpclient_program{
    .name = "tcpclient",
    .synopsis = "[OPTION]... [HOST [PORT]]",
    .purpose =
        "Send a sentence to a TCP server (localhost, port 54321) and print the reply. Where standard\n"
        "input is not a terminal: send all of it, and print every byte that comes back.",
    .environment_prefix = "",
    .operands = "HOST PORT",
    .notes = "Durations (D): 250ms, 2s, 1.5m, 1h; a bare number is seconds.\n",
};

// What a hurried user types as HOST, and no resolver would understand, let alone explain.
void refuse_what_is_no_host_alone(std::string_view text) {
  const Given given{text, "HOST"};
  const auto colon = text.find(':');
  if (parse_saturating(text, 0)) refuse(given, "a host: HOST comes first, then PORT, as in localhost 54321");
  if (text.find_first_of("[]") != std::string_view::npos)
    refuse(given, "a host: no brackets, as in ::1 54321");
  if (colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    refuse(given, "a host: HOST and PORT stand apart, as in localhost 54321");
  }
}

}  // namespace

OptionTable client_option_table(ClientOptions& target) {
  return {
      {"ask-first", '\0', "", "", "ask for the sentence before connecting: the client that causes no delay",
       [&target](const Given&) { target.ask_first = true; }},
      {"message", '\0', "TEXT", "", "send this line, ask for none, and leave standard input alone",
       [&target](const Given& given) { target.message = given.text; }},
      {"delay", '\0', "D", "0s", "hold the connection for D between connecting and sending",
       [&target](const Given& given) { target.delay = duration_of(given); }},
      {"timeout", '\0', "D", "none",
       "give up, with exit status 75, when connecting takes longer or the server lets us wait longer with no "
       "byte moved",
       [&target](const Given& given) {
         target.timeout = duration_of(given);
         if (target.timeout == posix::Duration::zero()) refuse(given, "a time-out: it must be above 0");
       }},
      {"help", 'h', "", "", "show this and exit", nullptr},
      {"version", 'V', "", "", "show the version and exit", nullptr},
  };
}

ClientCommand parse_client_command(int argc, char* const* argv) {
  ClientCommand command;
  ClientOptions& options = command.options;
  char* const no_variables[] = {nullptr};
  auto parsed =
      parse_arguments(tcpclient_program, client_option_table(options), {}, argc, argv, no_variables);
  command.text_to_show = std::move(parsed.text_to_show);
  if (!command.text_to_show.empty()) return command;

  const auto& operands = parsed.operands;
  if (operands.size() > 2) {
    throw posix::StartError(posix::ExitStatus::usage, "unexpected argument " + in_quotes(operands[2]) +
                                                          ": HOST and PORT are all it takes");
  }
  if (!operands.empty()) {
    if (operands[0].empty()) refuse({operands[0], "HOST"}, "a host: a name or a numeric address");
    refuse_what_is_no_host_alone(operands[0]);
    options.host = operands[0];
  }
  if (operands.size() == 2) {
    const auto port = parse_count(operands[1], 1, 65535);
    if (!port) refuse({operands[1], "PORT"}, "a port: a whole number from 1 to 65535");
    options.port = static_cast<std::uint16_t>(*port);
  }
  if (options.ask_first && options.message) {
    throw posix::StartError(
        posix::ExitStatus::usage,
        "--ask-first and --message exclude each other: with a message there is nothing to ask");
  }
  return command;
}

}  // namespace tcpserver::options
