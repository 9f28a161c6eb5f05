#include "backlog/options.hpp"

#include "tcpserver/base/characters.hpp"
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
        "Fill the listen queue of a test listener that never accepts, and count the "
        "connections that it holds, for each backlog from --from to --to.",
};

constexpr cli::Program watch_program{
    .name = "tcpbacklog watch",
    .synopsis = "[OPTION]... PORT",
    .purpose =
        "Show how full the listen queue of a local port is, for any program. Ctrl-C "
        "prints a summary. On a terminal, waits until a program listens on PORT.",
    .operands = "PORT",
};

constexpr cli::Program size_program{
    .name = "tcpbacklog size",
    .synopsis = "--rate R (--accept-time D | --measure PORT) [OPTION]...",
    .purpose = "Calculate the backlog that holds a burst of clients without drops, and show each step.",
    .notes =
        "R: connections per second, such as 1000 or 0.5.\n"
        "D: a duration, such as 250us, 0.8ms, 2s, 5m, 1h; a bare number is seconds.\n",
};

double parse_rate(const cli::RawValue& value) {
  const auto rate = base::parse_decimal(value.text, highest_rate);
  if (rate) return *rate;
  cli::refuse(value, "connections per second, from 0 to " + std::to_string(highest_rate) +
                         ", with at most nine decimals");
}

double parse_headroom(const cli::RawValue& value) {
  const auto factor = base::parse_decimal(value.text, largest_headroom);
  if (factor && *factor >= 1) return *factor;
  cli::refuse(value, "a factor from 1 to " + std::to_string(largest_headroom));
}

base::Duration parse_interval(const cli::RawValue& value) {
  const auto interval = cli::duration(value);
  if (interval < shortest_interval) cli::refuse(value, "a duration of 10ms or more");
  return interval;
}

std::uint64_t parse_sample_count(const cli::RawValue& value) {
  const auto count = base::parse_count(value.text, 1, std::numeric_limits<std::uint64_t>::max());
  if (count) return *count;
  cli::refuse(value, "a whole number of 1 or more");
}

const auto parse_port = cli::number(1, 65535);

cli::OptionTable<ProbeOptions> probe_option_table() {
  using O = ProbeOptions;
  const auto backlog = cli::number(0, largest_probed_backlog);
  return {
      {"from", '\0', "N", "0", "first backlog", cli::member(&O::from, backlog)},
      {"to", '\0', "N", "10", "last backlog", cli::member(&O::to, backlog)},
      {"json", '\0', "", "", "print one JSON document instead of a table",
       cli::member(&O::json, cli::on_or_off)},
      {"help", 'h', "", "", "show this and exit"},
  };
}

cli::OptionTable<WatchOptions> watch_option_table() {
  using O = WatchOptions;
  return {
      {"interval", '\0', "D", "1s", "time between samples, at least 10ms",
       cli::member(&O::interval, parse_interval)},
      {"count", '\0', "N", "no limit", "exit after N samples", cli::member(&O::count, parse_sample_count)},
      {"json", '\0', "", "", "print one JSON object per sample", cli::member(&O::json, cli::on_or_off)},
      {"help", 'h', "", "", "show this and exit"},
  };
}

cli::OptionTable<SizeOptions> size_option_table() {
  using O = SizeOptions;
  return {
      {"rate", '\0', "R", "", "mean number of connections per second", cli::member(&O::rate, parse_rate)},
      {"burst", '\0', "R", "--rate", "connections per second during a burst",
       cli::member(&O::burst, parse_rate)},
      {"burst-length", '\0', "D", "1s", "how long a burst lasts",
       cli::member(&O::burst_length, cli::duration_above_zero)},
      {"accept-time", '\0', "D", "", "time from one accept to the next",
       cli::member(&O::accept_time, cli::duration_above_zero)},
      {"measure", '\0', "PORT", "",
       "measure the accept time instead, with bursts of connections to the local server on PORT",
       cli::member(&O::measure, parse_port)},
      {"headroom", '\0', "F", "1.5", "multiply the expected queue length by F",
       cli::member(&O::headroom, parse_headroom)},
      {"json", '\0', "", "", "print one JSON document instead of text",
       cli::member(&O::json, cli::on_or_off)},
      {"help", 'h', "", "", "show this and exit"},
  };
}

void check(const ProbeOptions& options, const std::vector<std::string_view>& /*none*/) {
  if (options.from <= options.to) return;
  throw cli::usage_error("--from " + std::to_string(options.from) + " is greater than --to " +
                         std::to_string(options.to));
}

void check(WatchOptions& options, const std::vector<std::string_view>& operands) {
  if (operands.empty()) throw cli::usage_error("PORT is missing, as in: tcpbacklog watch 54321");
  if (operands.size() > 1) {
    throw cli::usage_error("unexpected argument " + base::quote_and_name(operands[1]) +
                           ": expected only PORT");
  }
  options.port = static_cast<std::uint16_t>(parse_port({operands[0], "PORT"}));
}

void check(const SizeOptions& options, const std::vector<std::string_view>& /*none*/) {
  const bool timed = options.accept_time > base::Duration::zero();
  if (options.rate < 0) {
    throw cli::usage_error("--rate is missing: give the mean number of connections per second");
  }
  if (!timed && !options.measure) {
    throw cli::usage_error(
        "--accept-time is missing: give the server's time per connection, or measure it with "
        "--measure PORT");
  }
  if (timed && options.measure) {
    throw cli::usage_error("--accept-time and --measure exclude each other");
  }
  if (options.burst && *options.burst < options.rate) {
    throw cli::usage_error("--burst is less than --rate");
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

constexpr std::string_view examples =
    "\nExamples:\n"
    "  tcpbacklog probe --to 5\n"
    "  tcpbacklog watch 54321\n"
    "  tcpbacklog size --rate 1000 --burst 3000 --accept-time 0.8ms\n";

std::string full_help() {
  const auto width = cli::help_width();
  return cli::help_text(probe_program, cli::texts(probe_option_table()), width) + "\n" +
         cli::help_text(watch_program, cli::texts(watch_option_table()), width) + "\n" +
         cli::help_text(size_program, cli::texts(size_option_table()), width) + std::string(examples) +
         "\nSee man tcpbacklog.\n";
}

std::string short_help() {
  std::string text =
      "Usage: tcpbacklog COMMAND [OPTION]...\nShow how the listen queue of a TCP server fills.\n";
  for (const auto& program : {probe_program, watch_program, size_program}) {
    text.append("\n").append(program.name).append(" ").append(program.synopsis).append("\n");
    text.append("    ").append(program.purpose).append("\n");
  }
  text.append(examples).append("\nFor options: tcpbacklog COMMAND -h; for everything: tcpbacklog --help\n");
  return base::wrap_lines(text, cli::help_width());
}

// "; did you mean watch?" if one letter differs.
std::string suggest(std::string_view wrong) {
  for (const char* const name : {"probe", "watch", "size", "--help", "--version"}) {
    if (cli::edit_distance(wrong, name) == 1) return std::string("; did you mean ") + name + "?";
  }
  return ": use probe, watch or size (see tcpbacklog --help)";
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
  if (argc < 2) throw cli::usage_error("a command is missing" + suggest(first));
  throw cli::usage_error((first.starts_with('-') ? "unknown option " + base::quote_and_name(first)
                                                 : base::quote_and_name(first) + " is not a command") +
                         suggest(first));
}

}  // namespace tcpserver::backlog
