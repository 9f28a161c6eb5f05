"""The load: tcpload, run beside the server on the same machine."""

import json
import re
import subprocess

import machine
from process import Failed, Process, eventually

DEADLINE = 30  # seconds for a load that takes a second or two, unless the machine is very busy
SOURCES = "4"  # addresses to connect from


class Load:
    """tcpload against one server."""

    def __init__(self, program, running):
        self.program, self.running = program, running
        self.log = running.folder + "/load"

    def start(self, *options):
        return Process([self.program, "127.0.0.1", str(self.running.port), *options], self.log,
                       stdout=subprocess.PIPE, text=True)

    def run(self, *options):
        """What it reports. Where a connection went wrong, nothing of it counts."""
        process = self.start(*options, "--json")
        try:
            report, _ = process.popen.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            raise Failed(f"not done after {DEADLINE} s") from None
        finally:
            process.end()
        try:
            figures = json.loads(report)
        except ValueError:
            raise Failed("the load generator says: " + process.last_words()) from None
        if figures["errors"] or figures["unfinished"] or process.popen.returncode != 0:
            why = figures["first_error"] or process.last_words()
            raise Failed(f"{figures['errors'] + figures['unfinished']} of {figures['connections']} connections went wrong, "
                         f"the first one: {why}")
        return figures

    def connections(self, count, concurrency):
        """Closed as clients do, so each port stays in TIME_WAIT. Linux takes such a one again after a second, on loopback;
        a quick server needs more than the ports of one address in that."""
        return self.run("--connections", str(count), "--concurrency", str(concurrency), "--message-size", "32",
                        "--sources", SOURCES)


class Held:
    """Connections that were asked once, answered, and are held until end()."""

    HOLD = "10m"

    def __init__(self, load, count):
        self.count = count
        self.process = load.start("--hold", self.HOLD, "--concurrency", str(count), "--message-size", "32")
        said = re.compile(rf"holding {count} connections")
        eventually(lambda: said.search(self.process.log_text()) or self.process.ended(), DEADLINE)
        if not said.search(self.process.log_text()):
            words = self.process.last_words()
            self.end()
            raise Failed(f"{count} could not be held: {words}")

    def own_kib(self):
        return machine.own_kib(self.process.pid)

    def end(self):
        self.process.end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
