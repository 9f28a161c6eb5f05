"""Starts processes and ends them in any case. scripts/soak/ also uses this."""

import atexit
import ctypes
import os
import signal
import subprocess
import time

PATIENCE = 10  # seconds to wait for an event before it counts as failed
PR_SET_PDEATHSIG = 1  # prctl(2)
PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None, use_errno=True)
# The server must not take options from the environment of the script.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TCPSERVER_")}


class Failed(Exception):
    """A measurement failed, for a reason that the table shows."""


def adopt_orphans():
    """Makes orphans of a server children of this process, which ends them."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def find_children(pid):
    """Includes zombies. Reading all of /proc would take memory while memory is measured."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def eventually(condition, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Process:
    """A program in its own session, so that Ctrl-C does not reach it and its whole group can be ended."""

    running = []

    def __init__(self, command, log, **options):
        self.log = log
        with open(log, "w") as file:
            self.popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=file, start_new_session=True, env=ENVIRONMENT,
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), **options)
        self.pid = self.popen.pid
        Process.running.append(self)

    def ended(self):
        """Does not reap the process, so that its pid is not reused before end()."""
        if self.popen.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def log_text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def last_words(self):
        return self.log_text().strip().rpartition("\n")[2] or "no message"

    def end(self):
        """Sends SIGTERM, and later SIGKILL, to the process and its group. Also ends the children that it leaves behind."""
        if self.popen.returncode is None:
            self.popen.send_signal(signal.SIGTERM)
            eventually(self.ended, 3)
            self.kill_group()
            self.popen.wait()
        if self in Process.running:
            Process.running.remove(self)
        if not Process.running:
            end_orphans()

    def kill_group(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def end_orphans():
    """At this point all children of this process are orphans of servers."""

    def none_is_left():
        for pid in find_children(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            except (ProcessLookupError, ChildProcessError):
                pass
        return not find_children(os.getpid())

    eventually(none_is_left)


@atexit.register
def end_all():
    for process in reversed(Process.running[:]):
        if process.popen.returncode is None:
            process.kill_group()
        process.end()
    end_orphans()
