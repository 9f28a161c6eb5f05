#include "backlog/options.hpp"

#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace tcpserver::backlog {

namespace {

using base::ExitStatus;
using base::StartError;

constexpr cli::Program probe_program{
    .name = "tcpbacklog probe",
    .synopsis = "[OPTION]...",
    .purpose =
        "Listen on a loopback port, never accept, and count the connections that the queue really holds:\n"
        "for each backlog from --from to --to, beside what the books report.",
    .environment_prefix = "",
    .operands = "",
    .notes = "",
};

constexpr cli::Program watch_program{
    .name = "tcpbacklog watch",
    .synopsis = "[OPTION]... PORT",
    .purpose =
        "Show how full the listen queue of a port is, whichever program of this machine listens there.\n"
        "Ends with Ctrl-C, or after --count looks.",
    .environment_prefix = "",
    .operands = "PORT",
    .notes = "",
};

constexpr cli::Program size_program{
    .name = "tcpbacklog size",
    .synopsis = "--rate R --accept-time D [OPTION]...",
    .purpose =
        "Say how long the listen queue has to be so that a burst of clients passes without a drop, with the\n"
        "sum written out.",
    .environment_prefix = "",
    .operands = "",
    .notes =
        "Rates (R) are connections a second, such as 1000 or 0.5. Durations (D): 250us, 0.8ms, 2s, 5m, 1h;\n"
        "a bare number is seconds.\n",
};

std::uint16_t port_of(const cli::Given& given) {
  const auto port = base::parse_count(given.text, 1, 65535);
  if (!port) cli::refuse(given, "a port: a whole number from 1 to 65535");
  return static_cast<std::uint16_t>(*port);
}

int backlog_of(const cli::Given& given) {
  const auto value = base::parse_count(given.text, 0, largest_probed_backlog);
  if (!value) {
    cli::refuse(given,
                "a backlog to probe: a whole number from 0 to " + std::to_string(largest_probed_backlog));
  }
  return static_cast<int>(*value);
}

double rate_of(const cli::Given& given) {
  const auto rate = base::parse_decimal(given.text, highest_rate);
  if (!rate) {
    cli::refuse(given, "a rate: connections a second, from 0 to " + std::to_string(highest_rate) +
                           ", with up to nine digits after the point");
  }
  return *rate;
}

cli::OptionSpec json_option(bool& json, std::string help) {
  return {"json", '\0', "", "", std::move(help), [&json](const cli::Given&) { json = true; }};
}

cli::OptionSpec help_option() {
  return {"help", 'h', "", "", "show this and exit", nullptr};
}

template <typename Options>
std::vector<std::string_view> parse_job(const cli::Program& program, cli::OptionTable (*table)(Options&),
                                        BacklogCommand& command, int argc, char* const* argv) {
  char* const no_variables[] = {nullptr};
  auto& options = command.job.emplace<Options>();
  auto parsed = cli::parse_arguments(program, table(options), {}, argc, argv, no_variables);
  command.text_to_show = std::move(parsed.text_to_show);
  return parsed.operands;
}

void parse_probe_command(BacklogCommand& command, int argc, char* const* argv) {
  parse_job(probe_program, probe_option_table, command, argc, argv);
  const auto& options = std::get<ProbeOptions>(command.job);
  if (options.from > options.to) {
    throw StartError(ExitStatus::usage, "--from " + std::to_string(options.from) + " is above --to " +
                                            std::to_string(options.to) +
                                            ": the first must not be above the last");
  }
}

void parse_watch_command(BacklogCommand& command, int argc, char* const* argv) {
  const auto operands = parse_job(watch_program, watch_option_table, command, argc, argv);
  if (!command.text_to_show.empty()) return;
  if (operands.empty()) {
    throw StartError(ExitStatus::usage, "which PORT? as in tcpbacklog watch 54321");
  }
  if (operands.size() > 1) {
    throw StartError(ExitStatus::usage,
                     "unexpected argument " + base::in_quotes(operands[1]) + ": one PORT is all it takes");
  }
  std::get<WatchOptions>(command.job).port = port_of({operands[0], "PORT"});
}

void parse_size_command(BacklogCommand& command, int argc, char* const* argv) {
  parse_job(size_program, size_option_table, command, argc, argv);
  if (!command.text_to_show.empty()) return;
  const auto& options = std::get<SizeOptions>(command.job);
  const bool timed = options.accept_time > base::Duration::zero();
  if (options.rate < 0) {
    throw StartError(ExitStatus::usage,
                     "--rate is missing: how many clients connect in a second, in the mean?");
  }
  if (!timed && !options.measure) {
    throw StartError(ExitStatus::usage,
                     "--accept-time is missing: how long does the server take for one accept? --measure PORT "
                     "takes it from a server that runs");
  }
  if (timed && options.measure) {
    throw StartError(ExitStatus::usage,
                     "--accept-time and --measure exclude each other: it is told or measured");
  }
  if (options.burst && *options.burst < options.rate) {
    throw StartError(ExitStatus::usage,
                     "--burst is below --rate: a burst is the highest rate, not the lowest");
  }
}

struct Job {
  std::string_view name;
  void (*parse)(BacklogCommand&, int, char* const*);
};
constexpr std::array jobs{Job{"probe", parse_probe_command}, Job{"watch", parse_watch_command},
                          Job{"size", parse_size_command}};

std::string help_of_all() {
  ProbeOptions probe;
  WatchOptions watch;
  SizeOptions size;
  return "The listen queue made visible: fill one, watch one, size one.\n"
         "tcpbacklog -V, --version shows the version.\n\n" +
         cli::help_text(probe_program, probe_option_table(probe)) + "\n" +
         cli::help_text(watch_program, watch_option_table(watch)) + "\n" +
         cli::help_text(size_program, size_option_table(size));
}

}  // namespace

cli::OptionTable probe_option_table(ProbeOptions& target) {
  const ProbeOptions defaults;
  return {
      {"from", '\0', "N", std::to_string(defaults.from), "the first backlog",
       [&target](const cli::Given& given) { target.from = backlog_of(given); }},
      {"to", '\0', "N", std::to_string(defaults.to), "the last backlog",
       [&target](const cli::Given& given) { target.to = backlog_of(given); }},
      json_option(target.json, "print one JSON document instead of a table"),
      help_option(),
  };
}

cli::OptionTable watch_option_table(WatchOptions& target) {
  const WatchOptions defaults;
  return {
      {"interval", '\0', "D", base::duration_text(defaults.interval), "time between two looks, 10ms or more",
       [&target](const cli::Given& given) {
         target.interval = cli::duration_of(given);
         if (target.interval < shortest_interval) cli::refuse(given, "an interval: 10ms or more");
       }},
      {"count", '\0', "N", "no limit", "end after so many looks",
       [&target](const cli::Given& given) {
         target.count = base::parse_count(given.text, 1, std::numeric_limits<std::uint64_t>::max());
         if (!target.count) cli::refuse(given, "a number of looks: a whole number of 1 or more");
       }},
      json_option(target.json, "print each look as one line of JSON"),
      help_option(),
  };
}

cli::OptionTable size_option_table(SizeOptions& target) {
  const SizeOptions defaults;
  target.rate = -1;  // not given
  return {
      {"rate", '\0', "R", "", "clients that connect in a second, in the mean",
       [&target](const cli::Given& given) { target.rate = rate_of(given); }},
      {"burst", '\0', "R", "--rate", "clients that connect in a second, at the peak",
       [&target](const cli::Given& given) { target.burst = rate_of(given); }},
      {"burst-length", '\0', "D", base::duration_text(defaults.burst_length), "how long the peak lasts",
       [&target](const cli::Given& given) {
         target.burst_length = cli::duration_above_zero(given, "the length of a burst");
       }},
      {"accept-time", '\0', "D", "", "how long the server takes from one accept to the next",
       [&target](const cli::Given& given) {
         target.accept_time = cli::duration_above_zero(given, "an accept time");
       }},
      {"measure", '\0', "PORT", "",
       "measure the accept time instead, with bursts of connections to the server on this port of this "
       "machine",
       [&target](const cli::Given& given) { target.measure = port_of(given); }},
      {"headroom", '\0', "F", "1.5", "how many times the queue's expected length to make room for",
       [&target](const cli::Given& given) {
         const auto factor = base::parse_decimal(given.text, largest_headroom);
         if (!factor || *factor < 1) {
           cli::refuse(given, "a headroom: a factor from 1 to " + std::to_string(largest_headroom));
         }
         target.headroom = *factor;
       }},
      json_option(target.json, "print one JSON document instead of the sum"),
      help_option(),
  };
}

BacklogCommand parse_backlog_command(int argc, char* const* argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  BacklogCommand command;
  if (first == "-h" || first == "--help") {
    command.text_to_show = help_of_all();
    return command;
  }
  if (first == "-V" || first == "--version") {
    command.text_to_show = cli::version_text("tcpbacklog");
    return command;
  }
  const auto job =
      std::find_if(jobs.begin(), jobs.end(), [first](const Job& one) { return one.name == first; });
  if (job == jobs.end()) {
    const std::string allowed = "probe (fill a queue and count), watch PORT (see one) or size (how long?)";
    throw StartError(ExitStatus::usage, argc > 1 ? base::in_quotes(first) + " is not a command: " + allowed
                                                 : "which command? " + allowed);
  }
  job->parse(command, argc - 1, argv + 1);
  return command;
}

}  // namespace tcpserver::backlog
