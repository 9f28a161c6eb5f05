#include "tcpserver/server/options.hpp"

#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <limits>

namespace tcpserver::server {

namespace {

using base::SocketAddress;

constexpr cli::Program tcpserver_program{
    .name = "tcpserver",
    .synopsis = "[OPTION]...",
    .purpose = "Echo what TCP clients send: a daemon that forks one process per connection.",
    .environment_prefix = "TCPSERVER_",
    .operands = "",
    .notes =
        "Durations (D): 800us, 250ms, 2s, 1.5m, 1h; a bare number is seconds.\n"
        "Sizes (B): bytes, or K, M or G for KiB, MiB or GiB.\n"
        "SIGTERM and SIGINT stop it (a second one at once), SIGUSR1 logs a status line\n"
        "and writes the metrics, SIGHUP reads the --config file again.\n",
};

void store_port(std::uint16_t& port, const cli::Given& given) {
  const auto value = base::parse_count(given.text, 0, 65535);
  if (!value) cli::refuse(given, "a port: a whole number from 0 to 65535, where 0 takes a free one");
  port = static_cast<std::uint16_t>(*value);
}

void add_address(std::vector<SocketAddress>& addresses, const cli::Given& given) {
  const auto address = SocketAddress::parse(given.text, 0);
  if (!address) {
    cli::refuse(
        given, "a numeric address: IPv4 such as 127.0.0.1, or IPv6 such as ::1 or fe80::1%eth0, no brackets");
  }
  if (address->is_multicast()) cli::refuse(given, "an address to listen on: TCP knows no multicast");
  if (std::find(addresses.begin(), addresses.end(), *address) != addresses.end()) {
    cli::refuse(given, "a further address: it is given twice");
  }
  if (addresses.size() == most_addresses) {
    cli::refuse(given, "possible: " + std::to_string(most_addresses) + " addresses at most");
  }
  addresses.push_back(*address);
}

// One address, or several with commas between: a variable cannot be given twice.
void add_addresses(std::vector<SocketAddress>& addresses, const cli::Given& given) {
  std::string_view rest = given.text;
  for (;;) {
    const auto comma = rest.find(',');
    add_address(addresses, {rest.substr(0, comma), given.label});
    if (comma == std::string_view::npos) return;
    rest.remove_prefix(comma + 1);
  }
}

void store_backlog(std::optional<BacklogRequest>& backlog, const cli::Given& given) {
  const auto value = base::parse_saturating(given.text, std::numeric_limits<std::uint64_t>::max());
  if (!value || *value == 0) {
    cli::refuse(
        given,
        "a backlog: a whole number of 1 or more, clamped to SOMAXCONN (0 and negatives mean different things "
        "on different systems)");
  }
  backlog = BacklogRequest{*value, std::string(given.text), given.label};
}

// --verbose and --quiet are two names of one thing: the one that is switched on last counts.
void store_verbosity(Verbosity& verbosity, Verbosity asked, const cli::Given& given) {
  if (cli::switch_of(given)) {
    verbosity = asked;
  } else if (verbosity == asked) {
    verbosity = Verbosity::normal;
  }
}

void store_connections(std::uint32_t& connections, std::uint32_t least, const cli::Given& given) {
  const auto value = base::parse_count(given.text, least, most_connections);
  if (!value) {
    cli::refuse(given, "a number of connections: a whole number from " + std::to_string(least) + " to " +
                           std::to_string(most_connections));
  }
  connections = static_cast<std::uint32_t>(*value);
}

void store_path(std::string& path, const cli::Given& given) {
  if (given.text.empty()) cli::refuse(given, "a file's name");
  path = given.text;
}

// Names and numbers alike; who they are is looked up at the start. A name is what useradd(8) lets through at
// most: no blanks, no control characters, and nothing that /etc/passwd has for separators.
void store_user(std::optional<UserRequest>& user, const cli::Given& given) {
  const auto colon = given.text.find(':');
  const bool has_group = colon != std::string_view::npos;
  const auto name = given.text.substr(0, colon);
  const auto group = has_group ? given.text.substr(colon + 1) : std::string_view{};
  const auto is_name = [](std::string_view text) {
    return !text.empty() && text.front() != '-' && text.front() != '+' &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
  };
  if (!is_name(name) || (has_group && !is_name(group))) {
    cli::refuse(given, "USER or USER:GROUP, names or numbers such as nobody, nobody:nogroup or 65534:65534");
  }
  user = UserRequest{std::string(name), std::string(group)};
}

}  // namespace

cli::OptionTable server_option_table(ServerOptions& target) {
  const ServerOptions defaults;
  return {
      {"port", 'p', "PORT", std::to_string(defaults.port),
       "port to listen on, 0 to 65535; 0 takes a free one and says which",
       [&target](const cli::Given& given) { store_port(target.port, given); }},
      {"bind", 'a', "ADDRESS", "every address, IPv6 and IPv4",
       "numeric address to listen on; may be repeated, or several with commas between",
       [&target](const cli::Given& given) { add_addresses(target.bind, given); }},
      {"backlog", 'b', "N", "SOMAXCONN", "length of the listen queue, 1 or more; clamped to SOMAXCONN",
       [&target](const cli::Given& given) { store_backlog(target.backlog, given); }},
      {"mode", 'm', "MODE", "fork",
       "fork: one process per connection; iterative: one client after another, the problem that fork solves",
       [&target](const cli::Given& given) {
         target.mode =
             cli::choice_of<Mode>(given, "a mode", {"fork", Mode::fork}, {"iterative", Mode::iterative});
       }},
      {"reap", '\0', "HOW", "handler",
       "handler: SIGCHLD reaps ended children; none: leaves zombies, the problem that the handler solves",
       [&target](const cli::Given& given) {
         target.reap =
             cli::choice_of<Reap>(given, "a way to reap", {"handler", Reap::handler}, {"none", Reap::none});
       }},
      {"service", 's', "SERVICE", "echo", cli::service_help(),
       [&target](const cli::Given& given) { target.service = cli::parse_service(given); }},
      {"max-connections", 'c', "N", std::to_string(defaults.max_connections),
       "children at a time, 1 to " + std::to_string(most_connections) + "; further clients meet --overload",
       [&target](const cli::Given& given) { store_connections(target.max_connections, 1, given); }},
      {"max-per-host", '\0', "N", std::to_string(defaults.max_per_host),
       "of these, for one IPv4 address or IPv6 /64, whose further clients are reset; 0 is no limit",
       [&target](const cli::Given& given) { store_connections(target.max_per_host, 0, given); }},
      {"overload", '\0', "HOW", "queue",
       "at the limit, or short of descriptors: queue leaves clients in the listen queue, refuse resets them",
       [&target](const cli::Given& given) {
         target.overload = cli::choice_of<Overload>(given, "a way to meet overload",
                                                    {"queue", Overload::queue}, {"refuse", Overload::refuse});
       }},
      {"idle-timeout", '\0', "D", base::duration_text(defaults.idle_timeout),
       "no byte moved for so long ends a session; 0 is never",
       [&target](const cli::Given& given) { target.idle_timeout = cli::duration_of(given); }},
      {"drain-timeout", '\0', "D", base::duration_text(defaults.drain_timeout),
       "after SIGTERM or SIGINT: how long open sessions may finish; 0 ends them at once",
       [&target](const cli::Given& given) { target.drain_timeout = cli::duration_of(given); }},
      {"sandbox", '\0', "HOW", "on",
       "strict seccomp in each child, and no right left to the server that it needs no more: on or off; "
       "where "
       "the system has no seccomp, the default warns, and on when given ends the server",
       [&target](const cli::Given& given) {
         target.sandbox = cli::switch_of(given) ? SandboxWish::on : SandboxWish::off;
       }},
      {"daemonize", 'd', "", "", "leave the terminal, and go on in the background once clients are served",
       [&target](const cli::Given& given) { target.daemonize = cli::switch_of(given); }},
      {"pid-file", '\0', "FILE", "none",
       "write the server's pid there, locked: of two servers the second ends",
       [&target](const cli::Given& given) { store_path(target.pid_file, given); }},
      {"user", '\0', "USER[:GROUP]", "none", "be that user, for good, once the ports are bound",
       [&target](const cli::Given& given) { store_user(target.user, given); }},
      {"log", '\0', "WHERE", "stderr", "stderr, or syslog, which is the default with --daemonize",
       [&target](const cli::Given& given) {
         target.log =
             cli::choice_of<LogTarget>(given, "a place for the log", {"stderr", LogTarget::stderr_stream},
                                       {"syslog", LogTarget::syslog});
       }},
      {"log-format", '\0', "FORMAT", "text", "text, or json: an object a line, with time and level",
       [&target](const cli::Given& given) {
         target.log_format = cli::choice_of<LogFormat>(given, "a format of the log",
                                                       {"text", LogFormat::text}, {"json", LogFormat::json});
       }},
      {"verbose", 'v', "", "", "log each session, too: one line when it opens, one when it ends",
       [&target](const cli::Given& given) { store_verbosity(target.verbosity, Verbosity::verbose, given); }},
      {"quiet", 'q', "", "", "log warnings alone, and what a signal asks for",
       [&target](const cli::Given& given) { store_verbosity(target.verbosity, Verbosity::quiet, given); }},
      {"metrics-file", '\0', "FILE", "none",
       "figures for Prometheus, written anew every 5 seconds, on SIGUSR1 and at the end",
       [&target](const cli::Given& given) { store_path(target.metrics_file, given); }},
      {"record", '\0', "DIR", "none", "write there what each client sent: tcpserver.HOST:PORT.dat",
       [&target](const cli::Given& given) {
         if (given.text.empty()) cli::refuse(given, "a folder's name");
         target.record = given.text;
       }},
      {"record-limit", '\0', "B", "none",
       "bytes in each of these files; what comes beyond is echoed, and not recorded",
       [&target](const cli::Given& given) { target.record_limit = cli::size_of(given, largest_recording); }},
      {"config", '\0', "FILE", "none", "take options from a file of lines such as: max-connections = 200",
       [&target](const cli::Given& given) { target.config = given.text; }},
      {"status", '\0', "", "",
       "show who is connected to the server that runs on --port, or with --pid-file, and exit", nullptr},
      {"help", 'h', "", "", "show this and exit", nullptr},
      {"version", 'V', "", "", "show the version and exit", nullptr},
  };
}

ServerCommand parse_server_command(int argc, char* const* argv, char* const* environment,
                                   const std::string& directory) {
  ServerCommand command;
  ServerOptions beaten_in_file;
  ServerOptions beaten_variables;
  const cli::ScratchTables scratch{.for_file = server_option_table(beaten_in_file),
                                   .for_variables = server_option_table(beaten_variables)};
  auto parsed = cli::parse_arguments(tcpserver_program, server_option_table(command.options), scratch, argc,
                                     argv, environment, directory);
  auto& options = command.options;
  const auto is_relative = [](const std::string* path) { return !path->empty() && path->front() != '/'; };
  const auto paths = {&options.pid_file, &options.metrics_file, &options.record};
  if (options.daemonize && directory.empty() &&
      (is_relative(&options.config) || std::any_of(paths.begin(), paths.end(), is_relative))) {
    throw base::StartError(base::ExitStatus::usage,
                           "--daemonize: the directory in which this starts is not known (was it removed?): "
                           "--config, --pid-file, --metrics-file and --record have to be absolute paths");
  }
  for (auto* const path : paths) {
    if (!path->empty()) *path = cli::path_from(directory, *path);
  }
  const auto& asked = parsed.asked;
  command.show_status = std::find(asked.begin(), asked.end(), "status") != asked.end();
  command.warnings = std::move(parsed.warnings);
  command.text_to_show = std::move(parsed.text_to_show);
  return command;
}

}  // namespace tcpserver::server
