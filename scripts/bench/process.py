"""The processes that are started, and their end: whatever happens, none is left."""

import atexit
import ctypes
import os
import signal
import subprocess
import time

PATIENCE = 10  # seconds until what should have happened counts as not happening
LEAVING = 30  # seconds for thousands of children to end on a busy machine
PR_SET_PDEATHSIG = 1  # prctl(2)
PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A measure that could not be taken, and why, in words for the table."""


def adopt_orphans():
    """Children that a server leaves behind become ours, so that they are found and ended."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_of(pid):
    """Zombies included. All of /proc is not looked through: with thousands of processes, that alone takes memory."""
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


def before_exec():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Process:
    """A program in a session of its own, so that a Ctrl-C does not reach it and all of its group can be ended."""

    running = []

    def __init__(self, command, log, **options):
        self.log = log
        with open(log, "w") as file:
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=file, start_new_session=True,
                                          preexec_fn=before_exec, **options)
        self.pid = self.popen.pid
        Process.running.append(self)

    def ended(self):
        """It is not reaped by this: until its end() no stranger can have its number."""
        if self.popen.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def log_text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def last_words(self):
        lines = self.log_text().split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")

    def idle(self):
        """True where no child is left, not even a zombie, within the time."""
        return eventually(lambda: not children_of(self.pid), LEAVING)

    def end(self):
        """SIGTERM, and after a while SIGKILL for it and its group. Children that it leaves behind are ended, too."""
        if self.popen.returncode is None:
            self.popen.send_signal(signal.SIGTERM)
            eventually(self.ended, 3)
            self.to_group(signal.SIGKILL)
            self.popen.wait()
            Process.running.remove(self)
        if not Process.running:
            end_orphans()

    def to_group(self, number):
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def end_orphans():
    """All children that this process has now are orphans of servers."""

    def none_is_left():
        for pid in children_of(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            except (ProcessLookupError, ChildProcessError):
                pass
        return not children_of(os.getpid())

    eventually(none_is_left)


@atexit.register
def end_all():
    for process in reversed(Process.running[:]):
        process.to_group(signal.SIGKILL)
        process.end()
    end_orphans()
