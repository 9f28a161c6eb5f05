"""The measurements. A step takes a trial, yields results as (key, value), and may fail at any point."""

import dataclasses
import glob
import os
import re
import shutil

import machine
from process import Failed

CONCURRENCIES = (1, 64, 512)
MORE_CONCURRENCIES = (8, 256, 1024)  # only for contestants in the plot
IN_THE_PLOT = ("tcpserver", "xinetd", "socat", "floor", "floor-musl")
HELD = 1000
MORE_HELD = (0, 1000, 2000, 5000, 10000)  # only for our server
MIB = 1 << 20


def connections(trial, concurrency):
    what = "connections" if concurrency > 1 else "connections, concurrency 1"
    count = trial.amount(what, max(100, 2 * concurrency), 200_000,
                         lambda least: trial.connections(least, concurrency)["rate_per_s"])
    figures = trial.connections(count, concurrency)
    trial.speeds[what] = figures["rate_per_s"]
    return figures


def rate(concurrency):
    def run(trial):
        figures = connections(trial, concurrency)
        yield f"connections_per_s_at_{concurrency}", figures["rate_per_s"]
        if concurrency == 64:
            yield "latency_p50_us_at_64", figures["latency_us"]["p50"]
            yield "latency_p99_us_at_64", figures["latency_us"]["p99"]

    return run


def memory(trial):
    """Measures the free memory of the machine, which includes kernel memory and both ends of the connections, and
    subtracts the load generator. The first held connections use memory that is already allocated; the second do not."""
    count = 100 if trial.quick else HELD
    with trial.hold(count) as first:
        before = machine.available_kib() + machine.own_kib(first.pid)
        with trial.hold(count) as second:
            after = machine.available_kib() + machine.own_kib(first.pid) + machine.own_kib(second.pid)
    yield "memory_kib_per_held_connection", (before - after) / count
    trial.wait_for_children(0)


def bulk(trial):
    """Measures one stream in both directions for three seconds, because its speed depends on which processor does the
    kernel's work."""
    stream = lambda mib: trial.load("--bulk", f"{mib}M")["bytes_per_s"]
    speed = stream(3 * trial.amount("MiB", 64, 1024, lambda least: stream(least) / MIB))
    trial.speeds["MiB"] = speed / MIB
    yield "bulk_mb_per_s", speed / 1e6


def ping(trial):
    count = int(20_000 * trial.seconds)
    yield "ping_p50_us", trial.load("--ping", count, "--message-size", 32)["latency_us"]["p50"]


def counted_per_connection(trial, count, counters):
    """Returns the increase of `counters` per connection, over `count` connections, after a warm-up."""
    trial.connections(100, 64)
    before = counters()
    trial.connections(count, 64)
    return [(now - earlier) / count for now, earlier in zip(counters(), before)]


def faults(trial):
    """The kernel counts the faults of the parent and of the children that it has waited for."""
    trial.start(after=("reap",) if trial.contestant.kind == "floor" else ())
    parent, child = counted_per_connection(trial, int(1000 * trial.seconds), lambda: machine.minor_faults(trial.process.pid))
    yield "minor_faults_of_parent_per_connection", parent
    if child == 0:
        raise Failed("it does not wait for its children, so their faults are not counted")
    yield "minor_faults_per_child", child


def calls(trial):
    """strace makes everything slower but does not change the counts."""
    if not shutil.which("strace"):
        raise Failed("strace is not installed")
    trace = trial.directory + "/trace."

    def count_calls():
        """Counts calls of the parent and of all others, without the lines for signals and exits."""
        counts = {path: len(re.findall(r"^\w+\(", machine.read_text(path), re.MULTILINE)) for path in glob.glob(trace + "*")}
        parent = counts.get(f"{trace}{trial.process.pid}", 0)
        return parent, sum(counts.values()) - parent

    for old in glob.glob(trace + "*"):
        os.remove(old)
    trial.start(before=("strace", "-D", "-ff", "-qq", "-o", trial.directory + "/trace"))
    parent, child = counted_per_connection(trial, 200, count_calls)
    yield "system_calls_of_parent_per_connection", parent
    yield "system_calls_per_child", child


def growth(trial):
    """Holds more and more connections, and measures others at each number."""
    trial.start()
    connections(trial, 64)
    before = machine.available_kib()
    holders, held = [], 0
    try:
        for wanted in MORE_HELD[:2] if trial.quick else MORE_HELD:
            if wanted:
                holders.append(trial.hold(wanted - held))
                held = wanted
                own = sum(machine.own_kib(holder.pid) for holder in holders)
                yield f"memory_kib_per_connection_of_{held}_held", (before - machine.available_kib() - own) / held
            count = trial.amount("connections", 128, 200_000, None)
            yield f"connections_per_s_with_{held}_held", trial.connections(count, 64, held=held)["rate_per_s"]
    finally:
        for holder in holders:
            holder.end()


@dataclasses.dataclass
class Step:
    measure: str  # used by --measure
    label: str
    run: callable
    keys: tuple  # of the values that it yields
    who: tuple = ()  # names of contestants; all if empty
    starts_server: bool = False  # the step starts the server itself
    once: bool = False  # the count is the same in each round


def rate_step(measure, concurrency, who=()):
    keys = (f"connections_per_s_at_{concurrency}",)
    if concurrency == 64:
        keys += ("latency_p50_us_at_64", "latency_p99_us_at_64")
    return Step(measure, f"connections/s, concurrency {concurrency}", rate(concurrency), keys, who)


STEPS = (
    *(rate_step("rate", concurrency) for concurrency in CONCURRENCIES),
    *(rate_step("concurrency", concurrency, IN_THE_PLOT) for concurrency in MORE_CONCURRENCIES),
    Step("bulk", "MB/s of one stream", bulk, ("bulk_mb_per_s",)),
    Step("ping", "round trips", ping, ("ping_p50_us",)),
    Step("memory", "memory of held connections", memory, ("memory_kib_per_held_connection",)),
    Step("faults", "page faults", faults, ("minor_faults_per_child", "minor_faults_of_parent_per_connection"),
         starts_server=True),
    Step("calls", "system calls", calls, ("system_calls_per_child", "system_calls_of_parent_per_connection"),
         starts_server=True, once=True),
    Step("growth", "beside held connections", growth,
         (*(f"connections_per_s_with_{held}_held" for held in MORE_HELD),
          *(f"memory_kib_per_connection_of_{held}_held" for held in MORE_HELD if held)),
         ("tcpserver",), starts_server=True),
)
MEASURES = tuple(dict.fromkeys(step.measure for step in STEPS))
