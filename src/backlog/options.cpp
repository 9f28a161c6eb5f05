#include "backlog/options.hpp"

#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/option_values.hpp"

#include <initializer_list>
#include <limits>

namespace tcpserver::backlog {

namespace {

constexpr cli::Program probe_program{
    .name = "tcpbacklog probe",
    .synopsis = "[OPTION]...",
    .purpose =
        "Listen on a loopback port, never accept, and count the connections that the queue really holds:\n"
        "for each backlog from --from to --to, beside what the books report.",
};

constexpr cli::Program watch_program{
    .name = "tcpbacklog watch",
    .synopsis = "[OPTION]... PORT",
    .purpose =
        "Show how full the listen queue of a port is, whichever program of this machine listens there.\n"
        "Ends with Ctrl-C, or after --count looks.",
    .operands = "PORT",
};

constexpr cli::Program size_program{
    .name = "tcpbacklog size",
    .synopsis = "--rate R --accept-time D [OPTION]...",
    .purpose =
        "Say how long the listen queue has to be so that a burst of clients passes without a drop, with the\n"
        "sum written out.",
    .notes =
        "Rates (R) are connections a second, such as 1000 or 0.5. Durations (D): 250us, 0.8ms, 2s, 5m, 1h;\n"
        "a bare number is seconds.\n",
};

double parse_rate(const cli::RawValue& value) {
  const auto rate = base::parse_decimal(value.text, highest_rate);
  if (rate) return *rate;
  cli::refuse(value, "a rate: connections a second, from 0 to " + std::to_string(highest_rate) +
                         ", with up to nine digits after the point");
}

double parse_headroom(const cli::RawValue& value) {
  const auto factor = base::parse_decimal(value.text, largest_headroom);
  if (factor && *factor >= 1) return *factor;
  cli::refuse(value, "a headroom: a factor from 1 to " + std::to_string(largest_headroom));
}

base::Duration parse_interval(const cli::RawValue& value) {
  const auto interval = cli::duration(value);
  if (interval < shortest_interval) cli::refuse(value, "an interval: 10ms or more");
  return interval;
}

std::uint64_t parse_looks(const cli::RawValue& value) {
  const auto looks = base::parse_count(value.text, 1, std::numeric_limits<std::uint64_t>::max());
  if (looks) return *looks;
  cli::refuse(value, "a number of looks: a whole number of 1 or more");
}

const auto port = cli::number(1, 65535, "a port");

cli::OptionTable<ProbeOptions> probe_option_table() {
  using O = ProbeOptions;
  const auto backlog = cli::number(0, largest_probed_backlog, "a backlog to probe");
  return {
      {"from", '\0', "N", "0", "the first backlog", cli::member(&O::from, backlog)},
      {"to", '\0', "N", "10", "the last backlog", cli::member(&O::to, backlog)},
      {"json", '\0', "", "", "print one JSON document instead of a table",
       cli::member(&O::json, cli::on_or_off)},
      {"help", 'h', "", "", "show this and exit"},
  };
}

cli::OptionTable<WatchOptions> watch_option_table() {
  using O = WatchOptions;
  return {
      {"interval", '\0', "D", "1s", "time between two looks, 10ms or more",
       cli::member(&O::interval, parse_interval)},
      {"count", '\0', "N", "no limit", "end after so many looks", cli::member(&O::count, parse_looks)},
      {"json", '\0', "", "", "print each look as one line of JSON", cli::member(&O::json, cli::on_or_off)},
      {"help", 'h', "", "", "show this and exit"},
  };
}

cli::OptionTable<SizeOptions> size_option_table() {
  using O = SizeOptions;
  return {
      {"rate", '\0', "R", "", "clients that connect in a second, in the mean",
       cli::member(&O::rate, parse_rate)},
      {"burst", '\0', "R", "--rate", "clients that connect in a second, at the peak",
       cli::member(&O::burst, parse_rate)},
      {"burst-length", '\0', "D", "1s", "how long the peak lasts",
       cli::member(&O::burst_length, cli::duration_above_zero("the length of a burst"))},
      {"accept-time", '\0', "D", "", "how long the server takes from one accept to the next",
       cli::member(&O::accept_time, cli::duration_above_zero("an accept time"))},
      {"measure", '\0', "PORT", "",
       "measure the accept time instead, with bursts of connections to the server on this port of this "
       "machine",
       cli::member(&O::measure, port)},
      {"headroom", '\0', "F", "1.5", "how many times the queue's expected length to make room for",
       cli::member(&O::headroom, parse_headroom)},
      {"json", '\0', "", "", "print one JSON document instead of the sum",
       cli::member(&O::json, cli::on_or_off)},
      {"help", 'h', "", "", "show this and exit"},
  };
}

void check(const ProbeOptions& options, const std::vector<std::string_view>& /*none*/) {
  if (options.from <= options.to) return;
  throw cli::usage_error("--from " + std::to_string(options.from) + " is above --to " +
                         std::to_string(options.to) + ": the first must not be above the last");
}

void check(WatchOptions& options, const std::vector<std::string_view>& operands) {
  if (operands.empty()) throw cli::usage_error("which PORT? as in tcpbacklog watch 54321");
  if (operands.size() > 1) {
    throw cli::usage_error("unexpected argument " + base::in_quotes(operands[1]) +
                           ": one PORT is all it takes");
  }
  options.port = static_cast<std::uint16_t>(port({operands[0], "PORT"}));
}

void check(const SizeOptions& options, const std::vector<std::string_view>& /*none*/) {
  const bool timed = options.accept_time > base::Duration::zero();
  if (options.rate < 0) {
    throw cli::usage_error("--rate is missing: how many clients connect in a second, in the mean?");
  }
  if (!timed && !options.measure) {
    throw cli::usage_error(
        "--accept-time is missing: how long does the server take for one accept? --measure PORT "
        "takes it from a server that runs");
  }
  if (timed && options.measure) {
    throw cli::usage_error("--accept-time and --measure exclude each other: it is told or measured");
  }
  if (options.burst && *options.burst < options.rate) {
    throw cli::usage_error("--burst is below --rate: a burst is the highest rate, not the lowest");
  }
}

// argv begins with the command.
template <typename Options>
BacklogCommand parse(const cli::Program& program, const cli::OptionTable<Options>& table, int argc,
                     char* const* argv) {
  Options options;
  const auto parsed = cli::parse_arguments(program, table, options, argc, argv);
  if (parsed.text_to_show.empty()) check(options, parsed.operands);
  return {options, parsed.text_to_show};
}

constexpr cli::Program tcpbacklog_program{
    .name = "tcpbacklog", .synopsis = "COMMAND [OPTION]...", .purpose = ""};

std::string full_help() {
  const auto width = cli::help_width();
  return cli::help_text(probe_program, cli::texts(probe_option_table()), width) + "\n" +
         cli::help_text(watch_program, cli::texts(watch_option_table()), width) + "\n" +
         cli::help_text(size_program, cli::texts(size_option_table()), width);
}

std::string short_help() {
  std::string text =
      "Usage: tcpbacklog COMMAND [OPTION]...\nMakes the listen queue of a TCP server visible.\n";
  for (const auto& program : {probe_program, watch_program, size_program}) {
    text.append("\n").append(program.name).append(" ").append(program.synopsis).append("\n");
    text.append("    ").append(program.purpose).append("\n");
  }
  text += "\nOptions of a command: tcpbacklog COMMAND -h. Everything: tcpbacklog --help\n";
  return base::wrap_lines(text, cli::help_width());
}

}  // namespace

BacklogCommand parse_backlog_command(int argc, char* const* argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "-h") return {{}, short_help()};
  if (first == "--help") return {{}, full_help()};
  if (first == "-V" || first == "--version") return {{}, cli::version_text(tcpbacklog_program)};
  if (first == "probe") return parse(probe_program, probe_option_table(), argc - 1, argv + 1);
  if (first == "watch") return parse(watch_program, watch_option_table(), argc - 1, argv + 1);
  if (first == "size") return parse(size_program, size_option_table(), argc - 1, argv + 1);
  const std::string allowed = "probe (fill a queue and count), watch PORT (see one) or size (how long?)";
  throw cli::usage_error(argc > 1 ? base::in_quotes(first) + " is not a command: " + allowed
                                  : "which command? " + allowed);
}

}  // namespace tcpserver::backlog
