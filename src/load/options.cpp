#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_values.hpp"

#include "load/load.hpp"

#include <tuple>

namespace tcpserver::load {

namespace {

// With --rate, starts do not wait for replies: slow replies need more open connections.
constexpr std::uint32_t concurrency_with_rate = 1000;
constexpr std::uint64_t gib = std::uint64_t{1} << 30;
constexpr std::uint64_t max_round_trips = 1'000'000'000;
constexpr std::uint32_t max_sources = 254;
constexpr std::uint64_t max_start_rate = 1'000'000;

constexpr cli::Synonym synonyms[] = {{"requests", "connections"},
                                     {"clients", "concurrency"},
                                     {"threads", "concurrency"},
                                     {"duration", "hold"}};

constexpr cli::Program tcpload_program{
    .name = "tcpload",
    .synopsis = "[OPTION]... [HOST[:PORT] | HOST PORT]",
    .purpose =
        "Put load on a TCP echo server (default localhost:54321), check every byte of the replies, and "
        "report rates and latencies. Without --hold, --bulk or --ping, each connection sends one message, "
        "reads the reply and closes.",
    .operands = "HOST PORT",
    .notes =
        "Durations (D): 800us, 250ms, 2s, 1.5m, 1h; a bare number is in seconds. Sizes (B): bytes, or K, M "
        "and G for KiB, MiB and GiB, such as 64K.\n",
    .examples =
        "  tcpload -n 10000 -c 100 localhost 7000\n"
        "  tcpload --hold 3s -c 1000 localhost 7000\n"
        "  tcpload --rate 500 -n 5000 --json localhost 7000\n",
    .manual = "tcpload",
    .synonyms = synonyms,
};

double parse_start_rate(const cli::RawValue& value) {
  const auto rate = base::parse_decimal(value.text, max_start_rate);
  if (rate && *rate > 0) return *rate;
  cli::refuse(value, "connections per second, above 0 and at most " + std::to_string(max_start_rate) +
                         ", such as 500 or 0.5");
}

// Sets the mode, refuses options that exclude each other, and replaces 0 by defaults.
void complete(LoadOptions& options) {
  const bool bulk = options.bulk > 0;
  const bool ping = options.round_trips > 0;
  const std::tuple<bool, LoadMode, const char*> modes[] = {
      {options.hold > base::Duration::zero(), LoadMode::hold, "--hold"},
      {bulk, LoadMode::bulk, "--bulk"},
      {ping, LoadMode::ping, "--ping"}};
  std::string chosen;
  for (const auto& [given, mode, option] : modes) {
    if (!given) continue;
    if (!chosen.empty()) {
      throw cli::usage_error(chosen + " and " + option + " exclude each other");
    }
    chosen = option;
    options.mode = mode;
  }
  const std::pair<bool, std::string> refusals[] = {
      {!chosen.empty() && options.connections > 0,
       "--connections and " + chosen + " exclude each other: use --concurrency"},
      {bulk && options.size > 0, "--message-size and --bulk exclude each other"},
      {!chosen.empty() && options.rate, "--rate and " + chosen + " exclude each other"}};
  for (const auto& [refused, why] : refusals) {
    if (refused) throw cli::usage_error(why);
  }
  const LoadOptions defaults;
  const auto concurrency = options.rate ? concurrency_with_rate : defaults.concurrency;
  if (options.size == 0) options.size = bulk ? options.bulk : defaults.size;
  if (options.round_trips == 0) options.round_trips = defaults.round_trips;
  if (options.concurrency == 0) options.concurrency = bulk || ping ? 1 : concurrency;
  if (options.connections == 0)
    options.connections = chosen.empty() ? defaults.connections : options.concurrency;
}

cli::OptionTable<LoadOptions> load_option_table() {
  using O = LoadOptions;
  return {
      cli::heading<O>("Load"),
      {"connections", 'n', "N", "10000", "open N connections in all, 1 to 1000000000",
       cli::member(&O::connections, cli::number(1, max_load_connections))},
      {"concurrency", 'c', "C", "64; 1 with --bulk or --ping; 1000 if --rate is given",
       "keep at most C connections open, 1 to 1000000; --hold, --bulk and --ping open C in all",
       cli::member(&O::concurrency, cli::number(1, max_concurrency))},
      {"message-size", '\0', "B", "32", "send messages of B bytes, 1 to 1G",
       cli::member(&O::size, cli::size(gib))},
      {"rate", '\0', "R", "as fast as replies arrive",
       "start R connections per second, even if earlier ones are unanswered; "
       "measure latencies from the scheduled start",
       cli::member(&O::rate, parse_start_rate)},
      {"service", '\0', "WORD", "echo", "expect the replies of this service", cli::service(&O::service)},
      cli::heading<O>("Instead of short connections"),
      {"hold", '\0', "D", "",
       "open all connections, exchange a message on each, hold them for D, exchange another, and close",
       cli::member(&O::hold, cli::duration_above_zero)},
      {"bulk", '\0', "B", "",
       "send B bytes on each connection, 1 to 1024G, and read them back at the same time",
       cli::member(&O::bulk, cli::size(1024 * gib))},
      {"ping", '\0', "N", "", "exchange N messages on each connection, one after the other",
       cli::member(&O::round_trips, cli::number(1, max_round_trips))},
      cli::heading<O>("Connections"),
      {"reset", '\0', "", "", "close with RST, which leaves no port in TIME_WAIT",
       cli::member(&O::reset, cli::on_or_off)},
      {"sources", '\0', "N", "chosen by the system",
       "use source addresses 127.0.0.1 through 127.0.0.N in turn, N from 1 to 254; "
       "each address has its own ports",
       cli::member(&O::sources, cli::number(1, max_sources))},
      {"timeout", '\0', "D", "10s",
       "close a connection without progress for D; end the run if none makes progress for D",
       cli::member(&O::timeout, cli::duration_above_zero)},
      cli::heading<O>("Output"),
      {"json", 'j', "", "", "print the report as JSON", cli::member(&O::json, cli::on_or_off)},
      cli::heading<O>("Information"),
      {"help", 'h', "", "", "show this help; -h shows only the names"},
      {"version", 'V', "", "", "show the version, the features and the license"},
  };
}

}  // namespace

LoadCommand parse_load_command(int argc, char* const* argv) {
  LoadCommand command;
  auto& options = command.options;
  options = {.connections = 0, .concurrency = 0, .size = 0, .round_trips = 0};  // not given yet
  auto parsed = cli::parse_arguments(tcpload_program, load_option_table(), options, argc, argv);
  command.text_to_show = std::move(parsed.text_to_show);
  if (!command.text_to_show.empty()) return command;
  cli::take_host_and_port(parsed.operands, options.host, options.port);
  complete(options);
  return command;
}

}  // namespace tcpserver::load
