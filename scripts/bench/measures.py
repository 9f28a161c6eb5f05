"""How it is measured. A step is one look at one server; it yields its figures as (key, value), and may fail in between."""

import dataclasses
import glob
import os
import re
import shutil

import machine
from contestants import Running
from load import Held, Load
from process import Failed, children_of, eventually

CONCURRENCIES = (1, 64, 512)
MORE_CONCURRENCIES = (8, 256, 1024)  # for the picture, of some
HELD = 1000
MORE_HELD = (0, 1000, 2000, 5000, 10000)  # of ours alone
IN_THE_PICTURE = ("tcpserver", "xinetd", "socat", "floor", "floor-musl")
MIB = 1 << 20


class Trial:
    """One contestant. What is learned of its speed stays for the rounds to come."""

    def __init__(self, contestant, tcpload, folder, quick):
        self.contestant, self.tcpload, self.folder = contestant, tcpload, folder
        self.seconds = 0.1 if quick else 0.8  # that a look at a rate takes, about
        self.held = 100 if quick else HELD
        self.growth = MORE_HELD[:2] if quick else MORE_HELD
        self.speeds = {}
        self.failures = {}  # label of a step: what went wrong in it
        self.running = self.load = None

    def start(self, before=(), after=()):
        self.end()
        self.running = Running(self.contestant, self.folder, before, after)
        self.load = Load(self.tcpload, self.running)
        self.running.must_be_idle()

    def end(self):
        if self.running:
            self.running.process.end()
        self.running = self.load = None

    def amount(self, what, least, most, speed_of):
        """So much that it takes its time. `speed_of` tries an amount, where nothing is known yet."""
        if what not in self.speeds:
            self.speeds[what] = speed_of(least)
        return int(min(most, max(least, self.speeds[what] * self.seconds)))


def connections(trial, concurrency):
    """Returns what tcpload reports of about a second of connections."""
    what = "connections" if concurrency > 1 else "connections, one by one"
    count = trial.amount(what, max(100, 2 * concurrency), 200_000,
                         lambda least: trial.load.connections(least, concurrency)["rate_per_s"])
    figures = trial.load.connections(count, concurrency)
    trial.running.must_be_idle()
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
    """Of the whole machine, so that the kernel's part and both ends of the connections are counted; less what the load
    generator has for itself. A first crowd takes what lies about half used; what the second takes is new."""
    with Held(trial.load, trial.held) as first:
        before = machine.available_kib() + first.own_kib()
        with Held(trial.load, trial.held) as second:
            after = machine.available_kib() + first.own_kib() + second.own_kib()
    yield "memory_kib_per_held_connection", (before - after) / trial.held
    trial.running.must_be_idle()


def bulk(trial):
    """One stream; both directions at the same time carry as much. Three seconds of it: how fast it is changes with the
    processor that happens to do the kernel's part."""
    mib = 3 * trial.amount("MiB", 64, 1024, lambda least: stream(trial, least) / MIB)
    rate_of_stream = stream(trial, mib)
    trial.speeds["MiB"] = rate_of_stream / MIB
    yield "bulk_mb_per_s", rate_of_stream / 1e6


def stream(trial, mib):
    """Returns the bytes a second that went out and came back."""
    figures = trial.load.run("--bulk", f"{mib}M")
    trial.running.must_be_idle()
    return figures["bytes_per_s"]


def ping(trial):
    count = int(20_000 * trial.seconds)
    yield "ping_p50_us", trial.load.run("--ping", str(count), "--message-size", "32")["latency_us"]["p50"]
    trial.running.must_be_idle()


def faults(trial):
    """Counted by the kernel on the parent, and of the children on the parent that waits for them."""
    trial.start(after=("reap",) if trial.contestant.kind == "floor" else ())
    trial.load.connections(100, 64)  # a first time touches more
    trial.running.must_be_idle()
    own, of_children = machine.minor_faults(trial.running.pid)
    count = int(1000 * trial.seconds)  # which a slow one has in a second or two
    trial.load.connections(count, 64)
    trial.running.must_be_idle()
    own_after, of_children_after = machine.minor_faults(trial.running.pid)
    yield "minor_faults_of_parent_per_connection", (own_after - own) / count
    if of_children_after == of_children:
        raise Failed("it does not wait for its children, so their faults are booked nowhere")
    yield "minor_faults_per_child", (of_children_after - of_children) / count


def calls(trial):
    """Counted by strace, which slows all down and changes no count. A first hundred is for the start."""
    if not shutil.which("strace"):
        raise Failed("strace is not installed")
    for old in glob.glob(trial.folder + "/trace.*"):
        os.remove(old)
    trial.start(before=("strace", "-D", "-ff", "-qq", "-o", trial.folder + "/trace"))
    trial.load.connections(100, 64)
    trial.running.must_be_idle()
    of_parent, of_children = traced(trial)
    count = 200
    trial.load.connections(count, 64)
    trial.running.must_be_idle()
    of_parent_after, of_children_after = traced(trial)
    yield "system_calls_of_parent_per_connection", (of_parent_after - of_parent) / count
    yield "system_calls_per_child", (of_children_after - of_children) / count


def traced(trial):
    """The system calls so far, of the parent and of all others; signals and ends have lines of their own."""
    of_parent = of_others = 0
    for path in glob.glob(trial.folder + "/trace.*"):
        count = len(re.findall(r"^\w+\(", machine.text_of(path), re.MULTILINE))
        if path.endswith(f".{trial.running.pid}"):
            of_parent = count
        else:
            of_others += count
    return of_parent, of_others


def growth(trial):
    """Connections are held, more and more, and others come and go beside them."""
    trial.start()
    connections(trial, 64)
    before = machine.available_kib()
    crowds = []
    try:
        for wanted in trial.growth:
            if wanted:
                crowds.append(Held(trial.load, wanted - sum(crowd.count for crowd in crowds)))
                own = sum(crowd.own_kib() for crowd in crowds)
                kib = (before - machine.available_kib() - own) / wanted
                yield f"memory_kib_per_connection_of_{wanted}_held", kib
            yield f"connections_per_s_with_{wanted}_held", beside(trial, wanted)
    finally:
        for crowd in crowds:
            crowd.end()


def beside(trial, held):
    """The rate, at 64, while so many are held."""
    count = trial.amount("connections", 128, 200_000, None)
    figures = trial.load.connections(count, 64)
    if not eventually(lambda: len(children_of(trial.running.pid)) == held):
        raise Failed(f"{len(children_of(trial.running.pid))} children are there for {held} held connections")
    return figures["rate_per_s"]


@dataclasses.dataclass
class Step:
    measure: str  # as --measure takes it
    label: str
    run: callable
    keys: tuple  # of the figures that it yields
    who: tuple = ()  # names of contestants; all where empty
    starts_anew: bool = False  # it starts the server itself, in a way of its own
    once: bool = False  # a count that no round changes

    def takes(self, contestant):
        return not self.who or contestant.name in self.who


def rate_step(measure, concurrency, who=()):
    keys = (f"connections_per_s_at_{concurrency}",)
    if concurrency == 64:
        keys += ("latency_p50_us_at_64", "latency_p99_us_at_64")
    return Step(measure, f"connections/s, {concurrency} at a time", rate(concurrency), keys, who)


STEPS = (
    *(rate_step("rate", concurrency) for concurrency in CONCURRENCIES),
    *(rate_step("concurrency", concurrency, IN_THE_PICTURE) for concurrency in MORE_CONCURRENCIES),
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
