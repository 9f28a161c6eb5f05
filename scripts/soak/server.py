"""Runs the server under test and checks it from outside."""

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import process
from process import find_children

PATIENCE = 60  # seconds to wait for an event before it counts as failed


def say(line):
    print("soak: " + line, file=sys.stderr, flush=True)


def eventually(condition):
    return process.eventually(condition, PATIENCE)


class Server:
    """A tcpserver on a free port, and the number of failed checks."""

    def __init__(self, program, *options):
        self.wrong = 0
        self.tcpload = os.path.join(os.path.dirname(program), "tcpload")
        self.directory = tempfile.TemporaryDirectory(prefix="tcpserver-soak.")
        # A user without other processes, so that its process limit applies only to the server.
        user = str(200_000 + os.getpid())
        self.as_user = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--bounding-set", "-all",
                        "--pdeathsig", "KILL"]
        self.own_user = (os.geteuid() == 0 and shutil.which("setpriv") is not None and
                         subprocess.run([*self.as_user, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0)
        if self.own_user:
            os.chmod(self.directory.name, 0o755)
            program = shutil.copy(program, self.directory.name)
        else:
            self.as_user = []
        self.process = process.Process([*self.as_user, program, "--port", "0", "--bind", "127.0.0.1", "--log-format", "json",
                                        *options],
                                       self.directory.name + "/log")
        self.pid = self.process.pid
        announced = re.compile(r'"event": "listening", "listener": "127\.0\.0\.1:(\d+)"')
        eventually(lambda: self.process.ended() or announced.search(self.process.log_text()))
        found = announced.search(self.process.log_text())
        if found is None:
            sys.exit("soak: the server did not start: " + self.process.log_text())
        self.port = int(found[1])

    def status_events(self):
        lines = self.process.log_text().splitlines()
        return [json.loads(line) for line in lines if '"event": "status"' in line and line.endswith("}")]

    def status(self):
        """Returns the numbers of the status that the server logs after SIGUSR1."""
        before = len(self.status_events())
        os.kill(self.pid, signal.SIGUSR1)
        if not eventually(lambda: len(self.status_events()) > before):
            sys.exit("soak: no status after SIGUSR1")
        numbers = {key: value for key, value in self.status_events()[-1].items() if isinstance(value, int)}
        ended = sum(value for key, value in numbers.items() if key.startswith("ended_"))
        return collections.Counter(numbers, ended=ended)

    def footprint(self):
        """Returns what must not grow. RssShmem is the scoreboard and RssFile the program, so they cannot leak."""
        with open(f"/proc/{self.pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        return {"descriptors": len(os.listdir(f"/proc/{self.pid}/fd")),
                "VmSize": int(fields["VmSize"].split()[0]), "RssAnon": int(fields["RssAnon"].split()[0])}

    def limit(self, name, value):
        """Sets a soft limit, such as "nofile". prlimit runs as the server's user and so needs no privileges."""
        subprocess.run([*self.as_user, "prlimit", "--pid", str(self.pid), f"--{name}={value}:"], check=True)

    def check(self, holds, what):
        if not holds:
            self.wrong += 1
            say("WRONG: " + what)

    def check_idle(self, when):
        self.check(eventually(lambda: not find_children(self.pid) and self.status()["open"] == 0),
                   f"sessions or children remain {when}: {find_children(self.pid)}, {self.status_events()[-1:]}")

    def check_nothing_is_left(self, before):
        """Returns the status."""
        self.check_idle("at the end")
        after = self.footprint()
        say(f"before: {before}")
        say(f"after:  {after}")
        self.check(after["descriptors"] == before["descriptors"], "descriptors leaked")
        self.check(after["VmSize"] == before["VmSize"], "memory leaked")
        self.check(after["RssAnon"] <= before["RssAnon"] + 16, "private memory grew by more than 16 KiB")
        status = self.status()
        say("status: " + ", ".join(f"{key} {value}" for key, value in status.items() if value))
        self.check(status["accepted"] == status["refused"] + status["ended"],
                   "not every accepted connection is counted as refused or ended")
        return status

    def stop(self):
        self.process.popen.send_signal(signal.SIGTERM)
        self.check(self.process.popen.wait(PATIENCE) == 0, "the server did not exit with status 0")
