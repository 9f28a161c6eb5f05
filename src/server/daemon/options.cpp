#include "tcpserver/server/options.hpp"

#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_values.hpp"

#include <algorithm>
#include <cstdint>

namespace tcpserver::server {

namespace {

using base::SocketAddress;

constexpr cli::Program tcpserver_program{
    .name = "tcpserver",
    .synopsis = "[OPTION]...",
    .purpose = "Echo what TCP clients send: a daemon that forks one process per connection.",
    .environment_prefix = "TCPSERVER_",
    .notes =
        "Durations (D): 800us, 250ms, 2s, 1.5m, 1h; a bare number is seconds.\n"
        "Sizes (B): bytes, or K, M or G for KiB, MiB or GiB.\n"
        "SIGTERM and SIGINT stop it (a second one at once), SIGUSR1 logs a status line\n"
        "and writes the metrics, SIGHUP reads the --config file again.\n",
};

// Takes one address, or several with commas between, because a variable cannot be given twice.
void add_addresses(std::vector<SocketAddress>& addresses, const cli::RawValue& value) {
  for (std::size_t begin = 0, end = 0; end != std::string_view::npos; begin = end + 1) {
    end = value.text.find(',', begin);
    const cli::RawValue part{value.text.substr(begin, end - begin), value.label};
    const auto address = SocketAddress::parse(part.text, 0);
    if (!address) {
      cli::refuse(
          part,
          "a numeric address: IPv4 such as 127.0.0.1, or IPv6 such as ::1 or fe80::1%eth0, no brackets");
    }
    if (address->is_multicast()) cli::refuse(part, "an address to listen on: TCP knows no multicast");
    if (std::find(addresses.begin(), addresses.end(), *address) != addresses.end()) {
      cli::refuse(part, "a further address: it is given twice");
    }
    if (addresses.size() == most_addresses) {
      cli::refuse(part, "possible: " + std::to_string(most_addresses) + " addresses at most");
    }
    addresses.push_back(*address);
  }
}

cli::Setting<ServerOptions> backlog() {
  auto setting = cli::member(&ServerOptions::backlog, [](const cli::RawValue& value) {
    const auto number = base::parse_saturating(value.text, UINT64_MAX);
    if (!number || *number == 0) {
      cli::refuse(
          value,
          "a backlog: a whole number of 1 or more, clamped to SOMAXCONN (0 and negatives mean different "
          "things on different systems)");
    }
    return BacklogRequest{*number, std::string(value.text), value.label};
  });
  setting.print = [](const ServerOptions& options) {
    return options.backlog ? base::plain_or_quoted(options.backlog->text) : "SOMAXCONN";
  };
  return setting;
}

// --verbose and --quiet set one member. The one that is switched on last counts.
cli::Setting<ServerOptions> verbosity(Verbosity asked) {
  auto setting =
      cli::member(&ServerOptions::verbosity, [asked](Verbosity& verbosity, const cli::RawValue& value) {
        const bool on = cli::on_or_off(value);
        if (on || verbosity == asked) verbosity = on ? asked : Verbosity::normal;
      });
  setting.print = [](const ServerOptions& options) -> std::string {
    constexpr const char* names[] = {"quiet", "normal", "verbose"};
    return names[static_cast<std::size_t>(options.verbosity)];
  };
  setting.name = "verbosity";
  if (asked == Verbosity::quiet) setting.equal = nullptr;  // a reload compares the member once
  return setting;
}

// Takes names and numbers, which are looked up at the start. Like useradd(8) at most, a name has no blanks,
// no control characters and no separators of /etc/passwd.
UserRequest parse_user(const cli::RawValue& value) {
  const auto colon = value.text.find(':');
  const auto name = value.text.substr(0, colon);
  const auto group = colon == std::string_view::npos ? std::string_view{} : value.text.substr(colon + 1);
  const auto is_name = [](std::string_view text) {
    return !text.empty() && text.front() != '-' && text.front() != '+' &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
  };
  if (!is_name(name) || (colon != std::string_view::npos && !is_name(group))) {
    cli::refuse(value, "USER or USER:GROUP, names or numbers such as nobody, nobody:nogroup or 65534:65534");
  }
  return {std::string(name), std::string(group)};
}

cli::Setting<ServerOptions> log_target() {
  auto setting = cli::choice(&ServerOptions::log, "a place for the log",
                             {{"stderr", LogTarget::stderr_stream}, {"syslog", LogTarget::syslog}});
  setting.equal = [](const ServerOptions& left, const ServerOptions& right) {
    return left.log_target() == right.log_target();  // --daemonize changes the default
  };
  return setting;
}

bool is_iterative(const ServerOptions& options) {
  return options.mode == Mode::iterative;
}

}  // namespace

const cli::OptionTable<ServerOptions>& server_option_table() {
  using cli::Effect;
  using O = ServerOptions;
  static const cli::OptionTable<O> table{
      {"port", 'p', "PORT", "54321", "port to listen on, 0 to 65535; 0 takes a free one and says which",
       cli::member(&O::port, cli::number(0, 65535, "a port", ", where 0 takes a free one"))},
      {"bind", 'a', "ADDRESS", "every address, IPv6 and IPv4",
       "numeric address to listen on; may be repeated, or several with commas between",
       cli::member(&O::bind, add_addresses)},
      {"backlog", 'b', "N", "SOMAXCONN", "length of the listen queue, 1 or more; clamped to SOMAXCONN",
       backlog(), Effect::now},
      {"mode", 'm', "MODE", "fork",
       "fork: one process per connection; iterative: one client after another, the problem that fork solves",
       cli::choice(&O::mode, "a mode", {{"fork", Mode::fork}, {"iterative", Mode::iterative}})},
      {"reap", '\0', "HOW", "handler",
       "handler: SIGCHLD reaps ended children; none: leaves zombies, the problem that the handler solves",
       cli::choice(&O::reap, "a way to reap", {{"handler", Reap::handler}, {"none", Reap::none}}),
       Effect::restart, is_iterative},
      {"service", 's', "SERVICE", "echo", cli::service_help(), cli::member(&O::service, cli::service)},
      {"max-connections", 'c', "N", "1000",
       "children at a time, 1 to 4194304; further clients meet --overload",
       cli::member(&O::max_connections, cli::number(1, most_connections, "a number of connections")),
       Effect::now, is_iterative},
      {"max-per-host", '\0', "N", "0",
       "of these, for one IPv4 address or IPv6 /64, whose further clients are reset; 0 is no limit",
       cli::member(&O::max_per_host, cli::number(0, most_connections, "a number of connections")),
       Effect::next_connection, is_iterative},
      {"overload", '\0', "HOW", "queue",
       "at the limit, or short of descriptors: queue leaves clients in the listen queue, refuse resets them",
       cli::choice(&O::overload, "a way to meet overload",
                   {{"queue", Overload::queue}, {"refuse", Overload::refuse}}),
       Effect::next_connection, is_iterative},
      {"idle-timeout", '\0', "D", "5m", "no byte moved for so long ends a session; 0 is never",
       cli::member(&O::idle_timeout, cli::duration), Effect::next_connection},
      {"drain-timeout", '\0', "D", "10s",
       "after SIGTERM or SIGINT: how long open sessions may finish; 0 ends them at once",
       cli::member(&O::drain_timeout, cli::duration), Effect::now},
      {"sandbox", '\0', "HOW", "on",
       "strict seccomp in each child, and no right left to the server that it needs no more: on or off; "
       "where the system has no seccomp, the default warns, and on when given ends the server",
       cli::choice(&O::sandbox, "a switch", {{"on", SandboxWish::on}, {"off", SandboxWish::off}})},
      {"daemonize", 'd', "", "", "leave the terminal, and go on in the background once clients are served",
       cli::member(&O::daemonize, cli::on_or_off)},
      {"pid-file", '\0', "FILE", "none",
       "write the server's pid there, locked: of two servers the second ends",
       cli::member(&O::pid_file, cli::path())},
      {"user", '\0', "USER[:GROUP]", "none", "be that user, for good, once the ports are bound",
       cli::member(&O::user, parse_user)},
      {"log", '\0', "WHERE", "stderr", "stderr, or syslog, which is the default with --daemonize",
       log_target()},
      {"log-format", '\0', "FORMAT", "text", "text, or json: an object a line, with time and level",
       cli::choice(&O::log_format, "a format of the log",
                   {{"text", LogFormat::text}, {"json", LogFormat::json}}),
       Effect::now},
      {"verbose", 'v', "", "", "log each session, too: one line when it opens, one when it ends",
       verbosity(Verbosity::verbose), Effect::now},
      {"quiet", 'q', "", "", "log warnings alone, and what a signal asks for", verbosity(Verbosity::quiet),
       Effect::now},
      {"metrics-file", '\0', "FILE", "none",
       "figures for Prometheus, written anew every 5 seconds, on SIGUSR1 and at the end",
       cli::member(&O::metrics_file, cli::path())},
      {"record", '\0', "DIR", "none", "write there what each client sent: tcpserver.HOST:PORT.dat",
       cli::member(&O::record, cli::path("a folder's name"))},
      {"record-limit", '\0', "B", "none",
       "bytes in each of these files; what comes beyond is echoed, and not recorded",
       cli::member(&O::record_limit, cli::size(largest_recording))},
      {"config", '\0', "FILE", "none", "take options from a file of lines such as: max-connections = 200",
       cli::member(&O::config, cli::any_text)},
      {"status", '\0', "", "",
       "show who is connected to the server that runs on --port, or with --pid-file, and exit"},
      {"help", 'h', "", "", "show this and exit"},
      {"version", 'V', "", "", "show the version and exit"},
  };
  return table;
}

ServerCommand parse_server_command(int argc, char* const* argv, char* const* environment,
                                   const std::string& directory) {
  ServerCommand command;
  auto parsed = cli::parse_arguments(tcpserver_program, server_option_table(), command.options, argc, argv,
                                     environment, directory);
  auto& options = command.options;
  const auto is_relative = [](const std::string* path) { return !path->empty() && path->front() != '/'; };
  const auto paths = {&options.pid_file, &options.metrics_file, &options.record};
  if (options.daemonize && directory.empty() &&
      (is_relative(&options.config) || std::any_of(paths.begin(), paths.end(), is_relative))) {
    throw cli::usage_error(
        "--daemonize: the directory in which this starts is not known (was it removed?): "
        "--config, --pid-file, --metrics-file and --record have to be absolute paths");
  }
  for (auto* const path : paths) {
    if (!path->empty()) *path = cli::path_from(directory, *path);
  }
  command.show_status = std::count(parsed.asked.begin(), parsed.asked.end(), "status") > 0;
  command.warnings = std::move(parsed.warnings);
  command.text_to_show = std::move(parsed.text_to_show);
  return command;
}

}  // namespace tcpserver::server
