#include "load/options.hpp"

#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/host_and_port.hpp"

namespace tcpserver::load {

namespace {

using base::ExitStatus;
using base::StartError;

// A rate of starts does not wait for answers, so more are open where answers are slow.
constexpr std::uint32_t at_a_time_with_rate = 1000;

constexpr cli::Program tcpload_program{
    .name = "tcpload",
    .synopsis = "[OPTION]... [HOST [PORT]]",
    .purpose =
        "Put load on a TCP echo server (localhost, port 54321), compare every byte that comes back, and\n"
        "report rate and latencies. Without --hold, --bulk or --ping: connect, send, read the reply, close,\n"
        "for so many connections.",
    .environment_prefix = "",
    .operands = "HOST PORT",
    .notes =
        "Durations (D): 800us, 250ms, 2s, 1.5m, 1h; a bare number is seconds. Sizes (B): bytes, or K, M\n"
        "and G for KiB, MiB and GiB, such as 64K.\n",
};

std::uint64_t count_of(const cli::Given& given, std::string_view what, std::uint64_t most) {
  const auto value = base::parse_count(given.text, 1, most);
  if (!value) cli::refuse(given, std::string(what) + ": a whole number from 1 to " + std::to_string(most));
  return *value;
}

double start_rate_of(const cli::Given& given) {
  const auto value = base::parse_decimal(given.text, highest_start_rate);
  if (!value || *value <= 0) {
    cli::refuse(given, "a rate: connections a second, above 0 and at most " +
                           std::to_string(highest_start_rate) + ", such as 500 or 0.5");
  }
  return *value;
}

void refuse_two_modes(const LoadWords& words) {
  const char* first = nullptr;
  const auto take = [&first](bool given, const char* name) {
    if (!given) return;
    if (first != nullptr) {
      throw cli::contradiction(std::string(first) + " and " + name +
                               " exclude each other: a run does one of them");
    }
    first = name;
  };
  take(words.hold.has_value(), "--hold");
  take(words.bulk.has_value(), "--bulk");
  take(words.ping.has_value(), "--ping");
  if (first == nullptr) return;
  if (words.connections) {
    throw cli::contradiction(std::string("--connections and ") + first +
                             " exclude each other: how many it opens is --concurrency");
  }
}

// Options that have to do with each other.
void settle(LoadOptions& options, const LoadWords& words) {
  refuse_two_modes(words);
  if (words.bulk && words.message_size) {
    throw cli::contradiction("--message-size and --bulk exclude each other: a stream has no messages");
  }
  if (words.hold) options.mode = LoadMode::hold;
  if (words.bulk) options.mode = LoadMode::bulk;
  if (words.ping) options.mode = LoadMode::ping;
  if (options.rate && options.mode != LoadMode::connections) {
    throw cli::contradiction("--rate is for short connections: it excludes --hold, --bulk and --ping");
  }
  options.hold = words.hold.value_or(options.hold);
  options.size = words.bulk.value_or(words.message_size.value_or(options.size));
  options.round_trips = words.ping.value_or(1);
  if (words.bulk || words.ping) options.concurrency = 1;
  if (options.rate) options.concurrency = at_a_time_with_rate;
  options.concurrency = words.concurrency.value_or(options.concurrency);
  options.connections = options.mode == LoadMode::connections
                            ? words.connections.value_or(options.connections)
                            : options.concurrency;
}

}  // namespace

cli::OptionTable load_option_table(LoadOptions& target, LoadWords& words) {
  return {
      {"connections", '\0', "N", "10000", "how many connections in all, 1 to 1000000000",
       [&words](const cli::Given& given) {
         words.connections = count_of(given, "a number of connections", most_load_connections);
       }},
      {"concurrency", '\0', "C", "64; with --bulk and --ping 1, with --rate 1000",
       "so many of them at a time, 1 to 1000000; with --hold, --bulk and --ping there are no more than these",
       [&words](const cli::Given& given) {
         words.concurrency =
             static_cast<std::uint32_t>(count_of(given, "a number of connections", most_at_a_time));
       }},
      {"message-size", '\0', "B", "32", "bytes that each connection sends, and wants back, 1 to 1G",
       [&words](const cli::Given& given) { words.message_size = cli::size_of(given, largest_message); }},
      {"hold", '\0', "D", "", "open all, ask each once, keep them open for D, ask each again, and close",
       [&words](const cli::Given& given) { words.hold = cli::duration_above_zero(given, "a time to hold"); }},
      {"bulk", '\0', "B", "",
       "send B bytes on each connection, 1 to 1024G, and read them back at the same time, then the end",
       [&words](const cli::Given& given) { words.bulk = cli::size_of(given, largest_bulk); }},
      {"ping", '\0', "N", "", "N messages on each connection, each sent when the last one is back",
       [&words](const cli::Given& given) {
         words.ping = count_of(given, "a number of round trips", most_round_trips);
       }},
      {"rate", '\0', "R", "as answers come",
       "start R connections a second, answered or not; latencies count from the moment when each was due",
       [&target](const cli::Given& given) { target.rate = start_rate_of(given); }},
      {"service", '\0', "SERVICE", "echo",
       "what the server does, " + cli::service_names() + ": replies are compared with that",
       [&target](const cli::Given& given) { target.service = cli::parse_service(given); }},
      {"reset", '\0', "", "", "close by RST, which leaves no port in TIME_WAIT",
       [&target](const cli::Given&) { target.reset = true; }},
      {"sources", '\0', "N", "the system's choice",
       "connect from 127.0.0.1, 127.0.0.2 and so on to 127.0.0.N in turn, N from 1 to 254: each has ports of "
       "its own",
       [&target](const cli::Given& given) {
         target.sources = static_cast<std::uint32_t>(count_of(given, "a number of addresses", most_sources));
       }},
      {"timeout", '\0', "D", "10s",
       "give up a connection on which nothing moves for so long, and the run when nothing moves at all",
       [&target](const cli::Given& given) {
         target.timeout = cli::duration_above_zero(given, "a time-out");
       }},
      {"json", '\0', "", "", "the report as one JSON document",
       [&target](const cli::Given&) { target.json = true; }},
      {"help", 'h', "", "", "show this and exit", nullptr},
      {"version", 'V', "", "", "show the version and exit", nullptr},
  };
}

LoadCommand parse_load_command(int argc, char* const* argv) {
  LoadCommand command;
  LoadWords words;
  char* const no_variables[] = {nullptr};
  auto parsed = cli::parse_arguments(tcpload_program, load_option_table(command.options, words), {}, argc,
                                     argv, no_variables);
  command.text_to_show = std::move(parsed.text_to_show);
  if (!command.text_to_show.empty()) return command;
  cli::take_host_and_port(parsed.operands, command.options.host, command.options.port);
  settle(command.options, words);
  return command;
}

}  // namespace tcpserver::load
