"""Who is measured: our server, its rivals and the floors. How each is found, started and asked whether it echoes."""

import dataclasses
import getpass
import os
import re
import shutil
import socket
import subprocess

import machine
from process import PATIENCE, Failed, Process, eventually

BACKLOG = "4096"
MOST = "20000"  # connections at a time; ncat takes no more than 10000


def xinetd(program, port, folder):
    """Its internal echo needs a file of its own."""
    with open(folder + "/xinetd.conf", "w") as file:
        file.write("defaults\n{\n\tinstances = UNLIMITED\n\tper_source = UNLIMITED\n\tcps = 0 0\n}\n"
                   "service echo\n{\n\ttype = INTERNAL UNLISTED\n\tid = e\n\tsocket_type = stream\n\tprotocol = tcp\n"
                   f"\twait = no\n\tuser = {getpass.getuser()}\n\tport = {port}\n\tbind = 127.0.0.1\n"
                   "\tflags = IPv4\n}\n")
    return [program, "-dontfork", "-f", folder + "/xinetd.conf", "-filelog", folder + "/xinetd.log"]


def inetd(program, port, folder):
    with open(folder + "/inetd.conf", "w") as file:
        file.write("127.0.0.1:echo stream tcp nowait.1000000 root internal\n")
    return [program, "-i", "-q", BACKLOG, folder + "/inetd.conf"]


def socat(program, port, folder):
    return [program, f"TCP4-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,backlog={BACKLOG}", "PIPE"]


def ucspi(program, port, folder):
    return [program, "-c", MOST, "-b", BACKLOG, "-H", "-R", "-l0", "127.0.0.1", str(port), "/bin/cat"]


def tcpsvd(program, port, folder):
    return [program, "-c", MOST, "-b", BACKLOG, "-l0", "127.0.0.1", str(port), "/bin/cat"]


def ncat(program, port, folder):
    return [program, "-l", "-k", "-4", "-m", "10000", "-e", "/bin/cat", "127.0.0.1", str(port)]


def ours(program, port, folder):
    """As a user would start it: all that protects and confines is on."""
    return [program, "--quiet", "--port", "0", "--bind", "127.0.0.1", "--max-connections", MOST]


def floor(program, port, folder):
    return [program, str(port)]


@dataclasses.dataclass
class Contestant:
    name: str  # as --only takes it, and in the JSON
    title: str
    kind: str  # ours, rival or floor
    program: str
    command: callable
    package: str = ""
    port: int = 0  # where it can have no other
    version: str = ""
    missing: str = ""  # why it is not measured
    path: str = ""
    loader: list = dataclasses.field(default_factory=list)

    def argv(self, port, folder):
        return [*self.loader, *self.command(self.path, port, folder)]


def all_contestants():
    return [
        Contestant("tcpserver", "tcpserver (this project)", "ours", "tcpserver", ours),
        Contestant("xinetd", "xinetd, internal echo", "rival", "xinetd", xinetd, "xinetd"),
        Contestant("socat", "socat PIPE", "rival", "socat", socat, "socat"),
        Contestant("inetd", "openbsd-inetd, internal echo", "rival", "inetd", inetd, "openbsd-inetd", port=7),
        Contestant("ucspi", "djb tcpserver + cat", "rival", "tcpserver", ucspi, "ucspi-tcp"),
        Contestant("tcpsvd", "ipsvd tcpsvd + cat", "rival", "tcpsvd", tcpsvd, "ipsvd"),
        Contestant("ncat", "ncat + cat", "rival", "ncat", ncat, "ncat"),
        Contestant("floor", "bare C loop, static glibc", "floor", "floor-glibc", floor),
        Contestant("floor-musl", "bare C loop, static musl", "floor", "floor-musl", floor),
    ]


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


class Places:
    """Where programs lie: ours, the floors that were compiled, and the rivals that were unpacked or are installed."""

    def __init__(self, programs, floors, cache):
        self.programs, self.floors, self.root = programs, floors, cache + "/root"
        self.versions = dict(line.split() for line in machine.text_of(cache + "/versions").splitlines())

    def find(self, contestant):
        """Fills in path and version, or why it is missing."""
        if contestant.kind == "ours":
            contestant.path = os.path.join(self.programs, contestant.program)
            contestant.version = output_of(contestant.path, "--version").strip().rpartition(" ")[2]
        elif contestant.kind == "floor":
            contestant.path = os.path.join(self.floors, contestant.program)
        else:
            self.find_rival(contestant)
        if not contestant.missing and not os.access(contestant.path, os.X_OK):
            contestant.missing = "its compiler is not there" if contestant.kind == "floor" else "there is no such program"

    def find_rival(self, contestant):
        unpacked = shutil.which(contestant.program, path=f"{self.root}/usr/sbin:{self.root}/usr/bin")
        installed = shutil.which(contestant.program, path=os.environ["PATH"] + ":/usr/sbin")
        if unpacked:
            contestant.path = unpacked
            contestant.version = self.versions.get(contestant.package, "")
            self.add_loader(contestant)
        elif installed and self.is_of(installed, contestant.package):
            contestant.path = installed
            contestant.version = output_of("dpkg-query", "-W", "-f", "${Version}", contestant.package)
        else:
            contestant.missing = "not installed; --peers gets it"
        if not contestant.missing and contestant.port:
            self.check_port(contestant)

    @staticmethod
    def is_of(path, package):
        """Two packages have a program called tcpserver, and one of them is ours."""
        return any(line.startswith(package + ":") for line in output_of("dpkg-query", "-S", path).splitlines())

    def add_loader(self, contestant):
        """Lets it find libraries that were unpacked with it. Not by LD_LIBRARY_PATH, which the cat that some start would
        inherit, and pay for."""
        if "not found" not in output_of("ldd", contestant.path):
            return
        folders = [folder for folder, _, files in os.walk(self.root + "/usr/lib")
                   if any(".so" in name for name in files)]
        with open(contestant.path, "rb") as file:
            loader = re.search(rb"/lib[\w./-]*/ld-[\w.-]+", file.read())
        contestant.loader = [loader[0].decode(), "--library-path", ":".join(folders)]
        if "not found" in output_of(*contestant.loader, "--list", contestant.path):
            contestant.missing = "libraries that it needs are not installed; --peers gets them"

    @staticmethod
    def check_port(contestant):
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", contestant.port))
        except OSError as error:
            contestant.missing = f"it has port {contestant.port} alone: {error.strerror}"


def echoes(port):
    message = b"does it echo?\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(message)
            return connection.recv(len(message), socket.MSG_WAITALL) == message
    except OSError:
        return False


class Running:
    """A contestant that was started, and echoes. Its folder has what it says."""

    def __init__(self, contestant, folder, before=(), after=()):
        """`before` and `after` are put around its command."""
        self.folder = folder
        self.port = contestant.port or machine.free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TCPSERVER_")}
        with open(folder + "/announced", "w") as announced:
            self.process = Process([*before, *contestant.argv(self.port, folder), *after], folder + "/log",
                                   stdout=announced, cwd=folder, env=environment)
        self.pid = self.process.pid
        if contestant.kind == "ours":
            eventually(self.has_announced)
        # The loop ends at once where the server has ended.
        if not eventually(lambda: self.process.ended() or echoes(self.port)) or self.process.ended():
            words = self.process.last_words()
            self.process.end()
            raise Failed("it did not start: " + words)

    def has_announced(self):
        announced = re.match(r"Server is listening on port (\d+)\n", machine.text_of(self.folder + "/announced"))
        if announced:
            self.port = int(announced[1])
        return announced or self.process.ended()

    def must_be_idle(self):
        if not self.process.idle():
            raise Failed("children are left of connections that ended")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.end()
