"""The server that is tried, and what is looked at from outside."""

import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds until what should have happened counts as not happening


def say(line):
    print("soak: " + line, file=sys.stderr, flush=True)


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def children_of(pid):
    """The children as (pid, state), zombies included."""
    children = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid:
            children.append((int(name), state))
    return children


def works(command):
    try:
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False


class Server:
    """A tcpserver on a free port, with its log in a file."""

    def __init__(self, program, *options):
        self.folder = tempfile.mkdtemp(prefix="tcpserver-soak.")
        self.tcpload = os.path.join(os.path.dirname(program), "tcpload")
        # A user without other processes, whose limit of processes is the server's alone.
        user = str(200_000 + os.getpid())
        self.as_user = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--bounding-set", "-all",
                        "--pdeathsig", "KILL"]
        self.own_user = os.geteuid() == 0 and works([*self.as_user, "true"])
        if self.own_user:
            os.chmod(self.folder, 0o755)
            program = shutil.copy(program, self.folder)
        else:
            self.as_user = []
        self.log = open(self.folder + "/log", "w+")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TCPSERVER_")}
        self.process = subprocess.Popen(
            [*self.as_user, program, "--port", "0", "--bind", "127.0.0.1", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True)
        self.pid = self.process.pid
        atexit.register(self.remove)
        announced = re.fullmatch(r"Server is listening on port (\d+)\n", self.process.stdout.readline())
        if announced is None:
            sys.exit("soak: the server did not start: " + self.log_text())
        self.port = int(announced[1])

    def log_text(self):
        with open(self.folder + "/log") as file:
            return file.read()

    def status(self):
        """What it says to SIGUSR1, as a dictionary of its figures."""
        pattern = r"tcpserver: (\d+) of \d+ sessions open, .*\n"
        before = len(re.findall(pattern, self.log_text()))
        os.kill(self.pid, signal.SIGUSR1)
        if not eventually(lambda: len(re.findall(pattern, self.log_text())) > before):
            sys.exit("soak: the server does not answer SIGUSR1")
        line = [found[0] for found in re.finditer(pattern, self.log_text())][-1]
        figures = {"line": line.strip()}
        for name, part in (("open", r"(\d+) of "), ("accepted", r"(\d+) accepted"), ("refused", r"(\d+) refused"),
                           ("in", r"(\d+) bytes in"), ("out", r"bytes in, (\d+) out"), ("killed", r"(\d+) killed"),
                           ("idle", r"(\d+) idle time-out")):
            found = re.search(part, line)
            figures[name] = int(found[1]) if found else 0
        ended = re.search(r"ended: ([^;]*);", line)[1]
        figures["ended"] = sum(int(number) for number in re.findall(r"\d+", ended))
        return figures

    def footprint(self):
        """What must not grow. RssShmem is the scoreboard, RssFile the program: they are no leak."""
        with open(f"/proc/{self.pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        return {"descriptors": len(os.listdir(f"/proc/{self.pid}/fd")),
                "VmSize": int(fields["VmSize"].split()[0]), "RssAnon": int(fields["RssAnon"].split()[0])}

    def limit(self, name, value):
        """Its soft limit, such as "nofile", as prlimit(1) sets it: by the same user, who needs no privilege for it."""
        subprocess.run([*self.as_user, "prlimit", "--pid", str(self.pid), f"--{name}={value}:"], check=True)

    def idle(self):
        return eventually(lambda: not children_of(self.pid) and self.status()["open"] == 0)

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
