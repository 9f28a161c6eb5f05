#include "tcpserver/server/options.hpp"

#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_values.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace tcpserver::server {

namespace {

using base::SocketAddress;

constexpr cli::Synonym synonyms[] = {
    {"host", "bind"},
    {"address", "bind"},
    {"listen", "bind"},
    {"listen-port", "port"},
    {"connections", "max-connections"},
    {"max-clients", "max-connections"},
    {"timeout", "idle-timeout"},
    {"debug", "verbose"},
    {"silent", "quiet"},
    {"config-file", "config"},
    {"daemon", "daemonize"},
    {"pidfile", "pid-file"},
    {"check", "test"},
    {"json", "log-format"},
    {"metrics", "metrics-file"},
};

constexpr cli::Program tcpserver_program{
    .name = "tcpserver",
    .synopsis = "[OPTION]...",
    .purpose = "A TCP echo server that forks one process per connection.",
    .environment_prefix = "TCPSERVER_",
    .notes =
        "Durations (D): 800us, 250ms, 2s, 1.5m, 1h; a bare number is in seconds. "
        "Sizes (B): bytes, or K, M, G for KiB, MiB, GiB.\n"
        "SIGTERM and SIGINT stop the server; a second one stops it at once. "
        "SIGUSR1 logs the status and writes the metrics. SIGHUP reloads the --config file.\n",
    .examples =
        "  tcpserver --port 7300 --bind 127.0.0.1 --verbose\n"
        "  tcpserver --mode iterative --backlog 2\n"
        "  tcpserver --test --config /etc/tcpserver.conf\n",
    .manual = "tcpserver",
    .features = TCPSERVER_FEATURES,
    .synonyms = synonyms,
};

// Takes one address, or several with commas between, because a variable cannot be given twice.
void add_addresses(std::vector<SocketAddress>& addresses, const cli::RawValue& value) {
  constexpr auto allowed = "a numeric address, such as 127.0.0.1, ::1 or fe80::1%eth0 (without brackets)";
  for (const auto& part : cli::split_list(value, allowed)) {
    const auto address = SocketAddress::parse(part.text, 0);
    if (const auto split = cli::split_host_and_port(part.text);
        !address && split && split->port && base::parse_count(*split->port, 0, 65535)) {
      cli::refuse(part, "an address without a port; add --port " + std::string(*split->port));
    }
    if (const auto why = SocketAddress::find_zone_error(part.text)) {
      cli::refuse_because(part, "is not a usable address: " + *why);
    }
    if (!address) cli::refuse(part, allowed);
    if (address->is_multicast()) cli::refuse_because(part, "is a multicast address");
    if (std::find(addresses.begin(), addresses.end(), *address) != addresses.end()) {
      cli::refuse_because(part, "is given twice");
    }
    if (addresses.size() == most_addresses) {
      cli::refuse_because(part, "is too many: at most " + std::to_string(most_addresses) + " addresses");
    }
    addresses.push_back(*address);
  }
}

cli::Setting<ServerOptions> bind() {
  auto setting = cli::member(&ServerOptions::bind, add_addresses);
  setting.accumulates = true;
  setting.print = [](const ServerOptions& options) -> std::string {
    std::string text;
    for (const auto& address : options.bind) text.append(text.empty() ? "" : ",").append(address.host_text());
    return text.empty() ? "0.0.0.0,::" : text;
  };
  return setting;
}

cli::Setting<ServerOptions> backlog() {
  auto setting = cli::member(
      &ServerOptions::backlog, [](std::optional<BacklogRequest>& backlog, const cli::RawValue& value) {
        const bool max = value.text == "max";
        const auto number = max ? UINT64_MAX : base::parse_saturating(value.text, UINT64_MAX);
        if (!number || *number == 0) cli::refuse(value, "a whole number of 1 or more, or max");
        backlog = BacklogRequest{*number, std::string(value.text), value.label, max};
      });
  setting.print = [](const ServerOptions& options) {
    return options.backlog ? base::quote_unless_plain(options.backlog->text) : std::to_string(SOMAXCONN);
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
  setting.print = [asked](const ServerOptions& options) { return cli::to_text(options.verbosity == asked); };
  setting.equal = [asked](const ServerOptions& left, const ServerOptions& right) {
    return (left.verbosity == asked) == (right.verbosity == asked);
  };
  return setting;
}

cli::Setting<ServerOptions> sandbox() {
  auto setting =
      cli::choice(&ServerOptions::sandbox, {{"on", SandboxPolicy::on}, {"off", SandboxPolicy::off}});
  setting.print = [](const ServerOptions& options) {
    return cli::to_text(options.sandbox != SandboxPolicy::off);
  };
  return setting;
}

cli::Setting<ServerOptions> record_limit() {
  auto setting = cli::member(&ServerOptions::record_limit, cli::size(largest_recording));
  setting.print = [](const ServerOptions& options) {
    return options.record_limit == 0 ? std::string() : std::to_string(options.record_limit);
  };
  return setting;
}

// Takes names and numbers, which are looked up at the start. As with useradd(8), a name has no blanks, no
// control characters, no quotes and no colon.
UserRequest parse_user(const cli::RawValue& value) {
  const auto colon = value.text.find(':');
  const auto name = value.text.substr(0, colon);
  const auto group = colon == std::string_view::npos ? std::string_view{} : value.text.substr(colon + 1);
  const auto is_name = [](std::string_view text) {
    return !text.empty() && text.front() != '-' && text.front() != '+' &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return c > ' ' && c < 0x7f && c != ':' && c != '"' && c != '\''; });
  };
  if (!is_name(name) || (colon != std::string_view::npos && !is_name(group))) {
    cli::refuse(value, "USER or USER:GROUP, such as nobody, nobody:nogroup or 65534:65534");
  }
  return {std::string(name), std::string(group), value.label};
}

cli::Setting<ServerOptions> user() {
  auto setting = cli::member(&ServerOptions::user, parse_user);
  setting.print = [](const ServerOptions& options) -> std::string {
    if (!options.user) return {};
    return options.user->user + (options.user->group.empty() ? "" : ":" + options.user->group);
  };
  return setting;
}

// --daemonize changes the default.
cli::Setting<ServerOptions> log_target() {
  auto setting =
      cli::choice(&ServerOptions::log, {{"stderr", LogTarget::stderr_stream}, {"syslog", LogTarget::syslog}});
  setting.print = [](const ServerOptions& options) -> std::string {
    return options.log_target() == LogTarget::syslog ? "syslog" : "stderr";
  };
  setting.equal = [](const ServerOptions& left, const ServerOptions& right) {
    return left.log_target() == right.log_target();
  };
  return setting;
}

// If one of --verbose and --quiet is on, it also decides that the other is off.
void name_source_of_verbosity(Verbosity verbosity, std::vector<std::string>& sources) {
  const auto find = [&](std::string_view name) -> std::string& {
    const auto& table = server_option_table();
    const auto row =
        std::find_if(table.begin(), table.end(), [name](const auto& spec) { return spec.name == name; });
    return sources[static_cast<std::size_t>(row - table.begin())];
  };
  if (verbosity == Verbosity::verbose) find("quiet") = find("verbose");
  if (verbosity == Verbosity::quiet) find("verbose") = find("quiet");
}

bool is_iterative(const ServerOptions& options) {
  return options.mode == Mode::iterative;
}

}  // namespace

const cli::OptionTable<ServerOptions>& server_option_table() {
  using cli::Effect;
  using O = ServerOptions;
  static const cli::OptionTable<O> table{
      cli::heading<O>("Listening"),
      {"port", 'p', "PORT", "54321", "port to listen on; 0 takes any free port",
       cli::member(&O::port, cli::number(0, 65535))},
      {"bind", 'a', "ADDRESS", "all addresses",
       "numeric address to listen on; may be repeated, or a list with commas", bind()},
      {"backlog", 'b', "N|max", "SOMAXCONN",
       "length of the listen queue, up to SOMAXCONN, or max for net.core.somaxconn", backlog(), Effect::now},

      cli::heading<O>("Service"),
      {"service", 's', "WORD", "echo", cli::service_help(), cli::service(&O::service)},

      cli::heading<O>("Limits"),
      {"max-connections", 'c', "N", "1000", "maximum number of sessions, 1 to 4194304",
       cli::member(&O::max_connections, cli::number(1, most_connections)), Effect::now, is_iterative},
      {"max-per-host", '\0', "N", "0",
       "maximum number of sessions per IPv4 address or IPv6 /64; further clients are reset; 0 disables",
       cli::member(&O::max_per_host, cli::number(0, most_connections)), Effect::next_connection,
       is_iterative},
      {"overload", '\0', "WORD", "queue",
       "if no slot or descriptor is free: queue leaves clients in the listen queue, refuse resets them",
       cli::choice(&O::overload, {{"queue", Overload::queue}, {"refuse", Overload::refuse}}),
       Effect::next_connection, is_iterative},
      {"idle-timeout", '\0', "D", "5m", "close sessions idle for D; 0 disables",
       cli::member(&O::idle_timeout, cli::duration), Effect::next_connection},

      cli::heading<O>("Stopping"),
      {"drain-timeout", '\0', "D", "10s", "on SIGTERM and SIGINT, wait up to D for open sessions",
       cli::member(&O::drain_timeout, cli::duration), Effect::now},

      cli::heading<O>("Demonstration"),
      {"mode", 'm', "WORD", "fork", "one process per connection, or one client after another",
       cli::choice(&O::mode, {{"fork", Mode::fork}, {"iterative", Mode::iterative}})},
      {"reap", '\0', "WORD", "handler",
       "on SIGCHLD, handler reaps all ended children, once reaps only one, none leaves zombies",
       cli::choice(&O::reap, {{"handler", Reap::handler}, {"once", Reap::once}, {"none", Reap::none}}),
       Effect::restart, is_iterative},

      cli::heading<O>("Daemon"),
      {"daemonize", 'd', "", "", "run in the background, detached from the terminal",
       cli::member(&O::daemonize, cli::on_or_off)},
      {"pid-file", '\0', "FILE", "", "write the pid to FILE and lock it; a second server exits",
       cli::member(&O::pid_file, cli::path())},
      {"user", '\0', "USER[:GROUP]", "", "switch to USER after binding", user()},
      {"sandbox", '\0', "WORD", "on",
       "confine children with seccomp and the server with Landlock; drop the server's capabilities; "
       "if set to on explicitly, fail without seccomp",
       sandbox()},
      {"config", '\0', "FILE", "", "read options from FILE; SIGHUP reloads it",
       cli::member(&O::config, cli::path())},
      {cli::test_option, 't', "", "", "check options and file, print the values in effect, and exit"},
      {"status", '\0', "", "", "show the sessions of the server on --port, or with --pid-file, and exit"},

      cli::heading<O>("Reporting"),
      {"log", '\0', "WORD", "stderr; syslog with --daemonize", "where to log", log_target()},
      {"log-format", '\0', "WORD", "text", "text, or one JSON object per line",
       cli::choice(&O::log_format, {{"text", LogFormat::text}, {"json", LogFormat::json}}), Effect::now},
      {"log-time", '\0', "WORD", "auto",
       "begin lines of the text log with the local time; auto: unless the journal or syslog adds it",
       cli::choice(&O::log_time, {{"auto", LogTime::automatic}, {"on", LogTime::on}, {"off", LogTime::off}}),
       Effect::now},
      {"verbose", 'v', "", "", "also log the start and the end of each session",
       verbosity(Verbosity::verbose), Effect::now},
      {"quiet", 'q', "", "", "log only warnings and the replies to signals", verbosity(Verbosity::quiet),
       Effect::now},
      {"metrics-file", '\0', "FILE", "",
       "write Prometheus metrics to FILE every 5 seconds, on SIGUSR1 and on exit",
       cli::member(&O::metrics_file, cli::path())},
      {"record", '\0', "DIR", "", "write what each client sends to DIR/tcpserver.HOST:PORT.dat",
       cli::member(&O::record, cli::path("a directory name"))},
      {"record-limit", '\0', "B", "", "record at most B bytes per client", record_limit()},

      cli::heading<O>("Information"),
      {"help", 'h', "", "", "show this help; -h shows only the names"},
      {"version", 'V', "", "", "show the version, the features and the license"},
  };
  return table;
}

void parse_server_command(ServerCommand& command, int argc, char* const* argv, char* const* environment,
                          const std::string& directory) {
  auto parsed = cli::parse_arguments(tcpserver_program, server_option_table(), command.options, argc, argv,
                                     environment, directory);
  auto& options = command.options;
  const auto is_relative = [](const std::string* path) { return !path->empty() && path->front() != '/'; };
  const auto paths = {&options.pid_file, &options.metrics_file, &options.record};
  if (options.daemonize && directory.empty() &&
      (is_relative(&options.config) || std::any_of(paths.begin(), paths.end(), is_relative))) {
    throw cli::usage_error(
        "--daemonize: cannot find the working directory (was it removed?); use absolute paths for --config, "
        "--pid-file, --metrics-file and --record");
  }
  for (auto* const path : paths) {
    if (!path->empty()) *path = cli::path_from(directory, *path);
  }
  const auto& asked = parsed.asked;
  command.show_status = std::count(asked.begin(), asked.end(), "status") > 0;
  command.warnings = std::move(parsed.warnings);
  command.details = std::move(parsed.details);
  command.text_to_show = std::move(parsed.text_to_show);
  command.test = std::count(asked.begin(), asked.end(), cli::test_option) > 0;
  if (command.test && command.show_status) throw cli::usage_error("--test and --status exclude each other");
  command.errors = std::move(parsed.errors);
  if (command.test && command.text_to_show.empty()) {
    name_source_of_verbosity(options.verbosity, parsed.sources);
    command.text_to_show = cli::effective_values(server_option_table(), options, parsed.sources,
                                                 options.log_format == LogFormat::json);
  }
}

}  // namespace tcpserver::server
