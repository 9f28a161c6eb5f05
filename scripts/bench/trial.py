"""Runs a contestant, and tcpload against it on the same machine."""

import json
import re
import socket
import subprocess

import machine
from process import PATIENCE, Failed, Process, find_children, eventually

DEADLINE = 30  # seconds; a load takes one or two, and thousands of children need time to end


class Trial:
    """One contestant. It remembers its speeds for later rounds."""

    def __init__(self, contestant, tcpload, directory, quick):
        self.contestant, self.tcpload, self.directory, self.quick = contestant, tcpload, directory, quick
        self.seconds = 0.1 if quick else 0.8  # approximate duration of a rate measurement
        self.speeds = {}
        self.failures = {}  # label of a step: reason of its failure
        self.process = None

    def start(self, before=(), after=()):
        """Restarts the contestant, with `before` and `after` around its command."""
        self.end()
        self.port = self.contestant.port or machine.free_port()
        command = [*before, *self.contestant.argv(self.port, self.directory), *after]
        with open(self.directory + "/announced", "w") as announced:
            self.process = Process(command, self.directory + "/log", stdout=announced, cwd=self.directory)
        if self.contestant.kind == "ours":
            eventually(self.has_announced)
        # The loop ends at once if the server has ended.
        if not eventually(lambda: self.process.ended() or self.echoes()) or self.process.ended():
            raise Failed("cannot start: " + self.process.last_words())
        self.wait_for_children(0)

    def end(self):
        if self.process:
            self.process.end()
        self.process = None

    def has_announced(self):
        announced = re.match(r"Server is listening on port (\d+)\n", machine.read_text(self.directory + "/announced"))
        if announced:
            self.port = int(announced[1])
        return announced or self.process.ended()

    def echoes(self):
        message = b"does it echo?\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
                connection.sendall(message)
                return connection.recv(len(message), socket.MSG_WAITALL) == message
        except OSError:
            return False

    def wait_for_children(self, count):
        if not eventually(lambda: len(find_children(self.process.pid)) == count, DEADLINE):
            raise Failed(f"{len(find_children(self.process.pid))} children for {count} held connections")

    def start_load(self, *options):
        return Process([self.tcpload, "127.0.0.1", str(self.port), *map(str, options)], self.directory + "/load",
                       stdout=subprocess.PIPE, text=True)

    def load(self, *options, held=0):
        """Returns tcpload's report once only the children of `held` connections are left. Fails if a connection failed."""
        with self.start_load(*options, "--json") as process:
            try:
                report, _ = process.popen.communicate(timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                raise Failed(f"not done after {DEADLINE} s") from None
        try:
            figures = json.loads(report)
        except ValueError:
            raise Failed("tcpload: " + process.last_words()) from None
        if figures["errors"] or figures["unfinished"] or process.popen.returncode != 0:
            why = figures["first_error"] or process.last_words()
            raise Failed(f"{figures['errors'] + figures['unfinished']} of {figures['connections']} connections failed, "
                         f"the first: {why}")
        self.wait_for_children(held)
        return figures

    def connections(self, count, concurrency, **options):
        """Connections are closed by the client, so each port stays in TIME_WAIT for a second on loopback. A fast server
        needs more ports than one address has in that time."""
        return self.load("--connections", count, "--concurrency", concurrency, "--message-size", 32, "--sources", 4, **options)

    def hold(self, count):
        """Returns a process that holds `count` connections, each answered once, until it ends."""
        process = self.start_load("--hold", "10m", "--concurrency", count, "--message-size", 32)
        all_are_held = lambda: f"holding {count} connections" in process.log_text()
        eventually(lambda: all_are_held() or process.ended(), DEADLINE)
        if not all_are_held():
            process.end()
            raise Failed(f"{count} could not be held: {process.last_words()}")
        return process

    def amount(self, what, least, most, measure_speed):
        """Returns the amount that takes self.seconds. `measure_speed` tries an amount if the speed is unknown."""
        if what not in self.speeds:
            self.speeds[what] = measure_speed(least)
        return int(min(most, max(least, self.speeds[what] * self.seconds)))
