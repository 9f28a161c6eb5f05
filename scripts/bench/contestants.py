"""The measured programs: this server, its rivals and the floors."""

import dataclasses
import getpass
import os
import re
import shutil
import socket
import subprocess

import machine
from process import PATIENCE

FLOOR_SOURCE = os.path.dirname(os.path.abspath(__file__)) + "/floor.c"
XINETD = ("defaults\n{\n\tinstances = UNLIMITED\n\tper_source = UNLIMITED\n\tcps = 0 0\n}\n"
          "service echo\n{\n\ttype = INTERNAL UNLISTED\n\tid = e\n\tsocket_type = stream\n\tprotocol = tcp\n"
          f"\twait = no\n\tuser = {getpass.getuser()}\n\tport = PORT\n\tbind = 127.0.0.1\n\tflags = IPv4\n}}\n")
INETD = "127.0.0.1:echo stream tcp nowait.1000000 root internal\n"


@dataclasses.dataclass
class Contestant:
    name: str  # used by --only and in the JSON
    title: str
    kind: str  # ours, rival or floor
    program: str
    arguments: str  # PORT and CONFIG are replaced; CONFIG is a file that contains `config`
    source: str = ""  # the package of a rival, or the compiler of a floor
    config: str = ""
    port: int = 0  # if the program can listen only on this port
    version: str = ""
    compiler: str = ""  # version of the compiler
    missing: str = ""  # the reason if it is not measured
    path: str = ""
    loader: list = dataclasses.field(default_factory=list)

    def argv(self, port, directory):
        config = directory + "/config"
        with open(config, "w") as file:
            file.write(self.config.replace("PORT", str(port)))
        words = [word.replace("PORT", str(port)).replace("CONFIG", config) for word in self.arguments.split()]
        return [*self.loader, self.path, *words]

    def find(self, programs, cache, directory):
        """Sets path and version, or the reason for missing. Compiles a floor in `directory`."""
        if self.kind == "ours":
            self.path = f"{programs}/{self.program}"
            self.version = run_and_read(self.path, "--version").strip().rpartition(" ")[2]
        elif self.kind == "floor":
            self.compile_floor(directory)
        else:
            self.find_rival(cache)
        if not self.missing and not os.access(self.path, os.X_OK):
            self.missing = "there is no such program"

    def compile_floor(self, directory):
        self.path = f"{directory}/{self.program}"
        if not shutil.which(self.source):
            self.missing = "its compiler is not there"
            return
        self.compiler = run_and_read(self.source, "--version").partition("\n")[0]
        done = subprocess.run([self.source, "-O2", "-static", FLOOR_SOURCE, "-o", self.path], check=False, timeout=60,
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.missing = f"{self.source} cannot compile it: {done.stderr.strip()}"

    def find_rival(self, cache):
        unpacked = shutil.which(self.program, path=f"{cache}/root/usr/sbin:{cache}/root/usr/bin")
        installed = shutil.which(self.program, path=os.environ["PATH"] + ":/usr/sbin")
        if unpacked:
            self.path = unpacked
            self.version = dict(line.split() for line in machine.read_text(cache + "/versions").splitlines()).get(self.source, "")
            self.add_loader(cache)
        # Two packages contain a program named tcpserver; one is ours.
        elif installed and re.search(rf"^{self.source}:", run_and_read("dpkg-query", "-S", installed), re.MULTILINE):
            self.path = installed
            self.version = run_and_read("dpkg-query", "-W", "-f", "${Version}", self.source)
        else:
            self.missing = "not installed; --peers gets it"
        if self.port and not self.missing:
            try:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                self.missing = f"it listens only on port {self.port}: {error.strerror}"

    def add_loader(self, cache):
        """Makes the program find the libraries unpacked with it. Does not set LD_LIBRARY_PATH, because the cat that some
        rivals start would inherit it and become slower."""
        if "not found" not in run_and_read("ldd", self.path):
            return
        directories = [directory for directory, _, files in os.walk(cache + "/root/usr/lib") if any(".so" in name for name in files)]
        with open(self.path, "rb") as file:
            loader = re.search(rb"/lib[\w./-]*/ld-[\w.-]+", file.read())
        self.loader = [loader[0].decode(), "--library-path", ":".join(directories)]
        if "not found" in run_and_read(*self.loader, "--list", self.path):
            self.missing = "libraries that it needs are not installed; --peers gets them"


def all_contestants():
    """Our server runs with its default protection. All allow 20000 concurrent connections, except ncat with 10000."""
    return [
        Contestant("tcpserver", "tcpserver (this project)", "ours", "tcpserver",
                   "--quiet --port 0 --bind 127.0.0.1 --max-connections 20000"),
        Contestant("xinetd", "xinetd, internal echo", "rival", "xinetd", "-dontfork -f CONFIG -filelog CONFIG.log", "xinetd",
                   XINETD),
        Contestant("socat", "socat PIPE", "rival", "socat",
                   "TCP4-LISTEN:PORT,bind=127.0.0.1,reuseaddr,fork,backlog=4096 PIPE", "socat"),
        Contestant("inetd", "openbsd-inetd, internal echo", "rival", "inetd", "-i -q 4096 CONFIG", "openbsd-inetd", INETD,
                   port=7),
        Contestant("ucspi", "djb tcpserver + cat", "rival", "tcpserver",
                   "-c 20000 -b 4096 -H -R -l0 127.0.0.1 PORT /bin/cat", "ucspi-tcp"),
        Contestant("tcpsvd", "ipsvd tcpsvd + cat", "rival", "tcpsvd", "-c 20000 -b 4096 -l0 127.0.0.1 PORT /bin/cat", "ipsvd"),
        Contestant("ncat", "ncat + cat", "rival", "ncat", "-l -k -4 -m 10000 -e /bin/cat 127.0.0.1 PORT", "ncat"),
        Contestant("floor", "bare C loop, static glibc", "floor", "floor-glibc", "PORT", "cc"),
        Contestant("floor-musl", "bare C loop, static musl", "floor", "floor-musl", "PORT", "musl-gcc"),
    ]


def run_and_read(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
