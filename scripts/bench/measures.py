"""How it is measured. A step takes a trial, yields its figures as (key, value), and may fail in between."""

import dataclasses
import glob
import os
import re
import shutil

import machine
from process import Failed

CONCURRENCIES = (1, 64, 512)
MORE_CONCURRENCIES = (8, 256, 1024)  # of those in the plot
IN_THE_PLOT = ("tcpserver", "xinetd", "socat", "floor", "floor-musl")
HELD = 1000
MORE_HELD = (0, 1000, 2000, 5000, 10000)  # of ours only
MIB = 1 << 20


def connections(trial, concurrency):
    what = "connections" if concurrency > 1 else "connections, one by one"
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
    """Of the whole machine, so that the kernel's part and both ends of the connections are counted, minus the load
    generator's own. The first held connections take what is about half used; what the second take is new."""
    count = 100 if trial.quick else HELD
    with trial.hold(count) as first:
        before = machine.available_kib() + machine.own_kib(first.pid)
        with trial.hold(count) as second:
            after = machine.available_kib() + machine.own_kib(first.pid) + machine.own_kib(second.pid)
    yield "memory_kib_per_held_connection", (before - after) / count
    trial.wait_for_children(0)


def bulk(trial):
    """One stream, in both directions at once, for three seconds: the speed changes with the processor that happens to do
    the kernel's part."""
    stream = lambda mib: trial.load("--bulk", f"{mib}M")["bytes_per_s"]
    speed = stream(3 * trial.amount("MiB", 64, 1024, lambda least: stream(least) / MIB))
    trial.speeds["MiB"] = speed / MIB
    yield "bulk_mb_per_s", speed / 1e6


def ping(trial):
    count = int(20_000 * trial.seconds)
    yield "ping_p50_us", trial.load("--ping", count, "--message-size", 32)["latency_us"]["p50"]


def counted_per_connection(trial, count, counters):
    """What `counters` returns, in `count` connections, divided by them. Earlier ones pay for the start."""
    trial.connections(100, 64)
    before = counters()
    trial.connections(count, 64)
    return [(now - earlier) / count for now, earlier in zip(counters(), before)]


def faults(trial):
    """The kernel counts the parent's, and those of children that the parent waited for."""
    trial.start(after=("reap",) if trial.contestant.kind == "floor" else ())
    parent, child = counted_per_connection(trial, int(1000 * trial.seconds), lambda: machine.minor_faults(trial.process.pid))
    yield "minor_faults_of_parent_per_connection", parent
    if child == 0:
        raise Failed("it does not wait for its children, so their faults are not counted")
    yield "minor_faults_per_child", child


def calls(trial):
    """strace slows everything down, and changes no count."""
    if not shutil.which("strace"):
        raise Failed("strace is not installed")
    trace = trial.folder + "/trace."

    def count_calls():
        """Of the parent and of all others. Signals and ends have lines of their own."""
        counts = {path: len(re.findall(r"^\w+\(", machine.text_of(path), re.MULTILINE)) for path in glob.glob(trace + "*")}
        parent = counts.get(f"{trace}{trial.process.pid}", 0)
        return parent, sum(counts.values()) - parent

    for old in glob.glob(trace + "*"):
        os.remove(old)
    trial.start(before=("strace", "-D", "-ff", "-qq", "-o", trial.folder + "/trace"))
    parent, child = counted_per_connection(trial, 200, count_calls)
    yield "system_calls_of_parent_per_connection", parent
    yield "system_calls_per_child", child


def growth(trial):
    """More and more connections are held, and others come and go meanwhile."""
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
    measure: str  # as --measure takes it
    label: str
    run: callable
    keys: tuple  # of the figures that it yields
    who: tuple = ()  # names of contestants; all if empty
    starts_anew: bool = False  # it starts the server itself
    once: bool = False  # a count that no round changes


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
         starts_anew=True),
    Step("calls", "system calls", calls, ("system_calls_per_child", "system_calls_of_parent_per_connection"),
         starts_anew=True, once=True),
    Step("growth", "beside held connections", growth,
         (*(f"connections_per_s_with_{held}_held" for held in MORE_HELD),
          *(f"memory_kib_per_connection_of_{held}_held" for held in MORE_HELD if held)),
         ("tcpserver",), starts_anew=True),
)
MEASURES = tuple(dict.fromkeys(step.measure for step in STEPS))
