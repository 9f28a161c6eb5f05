"""scripts/bench.sh runs this: bench.py PROGRAMS CACHE OPTION...
PROGRAMS has tcpserver and tcpload; CACHE is where --peers unpacked the rivals.
bench.py needs OPTION... checks the options and prints their requirements: peers, measure (programs), draw (gnuplot)."""

import argparse
import os
import re
import signal
import sys
import tempfile

import machine
import plots
import results
from contestants import all_contestants
from measures import MEASURES, STEPS
from process import Failed, adopt_orphans
from trial import Trial

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT = HERE + "/results.json"
README = HERE + "/README.md"
TRIES = 2
USAGE_STATUS = 64


def say(line):
    print("bench: " + line, file=sys.stderr, flush=True)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(USAGE_STATUS, f"scripts/bench.sh: {message}\n")


def rounds(value):
    if not re.fullmatch(r"[1-9][0-9]?", value):
        raise argparse.ArgumentTypeError(f"'{value}' is not a number from 1 to 99")
    return int(value)


def names_among(known):
    def parse_names(value):
        for name in value.split(","):
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is not one of: {', '.join(known)}")
        return value.split(",")
    return parse_names


def parse_options(words):
    parser = Parser(add_help=False, allow_abbrev=False)
    for flag in ("--peers", "--quick", "--keep", "--redraw", "--table"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--rounds", type=rounds, default=5)
    parser.add_argument("--json")
    parser.add_argument("--only", type=names_among([contestant.name for contestant in all_contestants()]))
    parser.add_argument("--measure", type=names_among(MEASURES))
    options = parser.parse_args(words)
    if (options.redraw or options.table) and len(words) > 1:
        parser.error("--redraw and --table cannot be combined with other options")
    if options.keep and (options.quick or options.only or options.measure):
        parser.error("--keep requires a whole run; it cannot be combined with --quick, --only or --measure")
    if options.quick:
        options.rounds = 1
    return options


def find_requirements(options):
    needs = {"peers": options.peers, "measure": not (options.redraw or options.table), "draw": options.redraw or options.keep}
    return [need for need, needed in needs.items() if needed]


def take(step, trial, entry):
    """Runs one step. Values yielded before a failure count. A step that failed twice is not repeated."""
    name = trial.contestant.name
    yielded = set()
    failures = trial.failures.setdefault(step.label, [])
    try:
        if len(failures) == TRIES:
            raise Failed(failures[-1])
        if step.starts_server:
            trial.end()
        elif not trial.process or trial.process.ended():
            trial.start()
        for key, value in step.run(trial):
            results.add(entry, key, value)
            yielded.add(key)
    except (Failed, OSError) as error:
        trial.end()
        if len(failures) < TRIES:
            failures.append(str(error))
            say(f"{name}: {step.label}: {error}")
        for key in set(step.keys) - yielded:
            results.add(entry, key, None, str(error))


def measure(options, trials, entries):
    plan = []
    for number in range(options.rounds):
        # Each round starts with another contestant, so that a slow moment of the machine favors none.
        turn = number % max(1, len(trials))
        plan += [(number, trial, step) for trial in trials[turn:] + trials[:turn] for step in STEPS
                 if (not options.measure or step.measure in options.measure)
                 and (not step.who or trial.contestant.name in step.who) and (number == 0 or not step.once)]
    for at, (number, trial, step) in enumerate(plan):
        name = trial.contestant.name
        say(f"{at + 1} of {len(plan)}: round {number + 1}: {name}: {step.label}")
        take(step, trial, entries[name])
        if at + 1 == len(plan) or plan[at + 1][1] is not trial:
            trial.end()


def run(options, programs, cache, work):
    contestants = [contestant for contestant in all_contestants() if not options.only or contestant.name in options.only]
    trials, entries = [], {}
    for contestant in contestants:
        directory = f"{work}/{contestant.name}"
        os.mkdir(directory)
        contestant.find(programs, cache, directory)
        entries[contestant.name] = {"title": contestant.title, "kind": contestant.kind, "version": contestant.version,
                                    "missing": results.remove_directories(contestant.missing), "figures": {}}
        if contestant.missing:
            say(f"{contestant.name}: not measured: {contestant.missing}")
            continue
        trials.append(Trial(contestant, programs + "/tcpload", directory, options.quick))
    measure(options, trials, entries)
    settings = {"rounds": options.rounds, "message_bytes": 32, "closed_by": "the client, by FIN",
                "own_network_namespace": "BENCH_NAMESPACE" in os.environ,
                "load_generator": "on the same machine and cores"}
    compilers = {contestant.program: contestant.compiler for contestant in contestants if contestant.compiler}
    return {"machine": machine.facts(), "compilers": compilers, "settings": settings, "contestants": entries}


def put_into_readme(document):
    """Replaces the text between the two marks."""
    with open(README) as file:
        text = file.read()
    table = results.format_markdown(document)
    text = re.sub(r"(<!-- bench: table -->\n).*?(<!-- bench: end -->)", lambda mark: mark[1] + table + mark[2], text,
                  flags=re.DOTALL)
    with open(README, "w") as file:
        file.write(text)


def end_by_signal(number, _):
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)  # do not interrupt the clean-up
    say("ended by " + signal.Signals(number).name)
    sys.exit(128 + number)


def main():
    if sys.argv[1] == "needs":
        print(*find_requirements(parse_options(sys.argv[2:])))
        return 0
    programs, cache = sys.argv[1:3]
    options = parse_options(sys.argv[3:])
    out = os.environ.get("OUT", HERE)
    if options.table:
        print(results.format_markdown(results.read(KEPT)), end="")
        return 0
    if options.redraw:
        plots.draw(results.read(KEPT), out)
        return 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_by_signal)
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="tcpserver-bench.") as work:
        document = run(options, programs, cache, work)
    print(results.format_medians(document), end="")  # failures have already been reported
    if options.json or options.keep:
        results.write(options.json or KEPT, document)
    if options.keep:
        plots.draw(document, out)
        put_into_readme(document)
    ours = document["contestants"].get("tcpserver", {"figures": {}})
    return 1 if any("failed" in figure for figure in ours["figures"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
