"""The clients of scripts/soak.sh, and what is compared afterwards: soak.py TCPSERVER mix|short|held|stop AMOUNT"""

import atexit
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
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


class Server:
    """A tcpserver on a free port, with its log in a file."""

    def __init__(self, program, *options):
        self.folder = tempfile.mkdtemp(prefix="tcpserver-soak.")
        self.own_user = os.geteuid() == 0 and shutil.which("setpriv") is not None
        self.as_user = []
        if self.own_user:  # a user without other processes, whose limit of processes is the server's alone
            os.chmod(self.folder, 0o755)
            program = shutil.copy(program, self.folder)
            user = str(200_000 + os.getpid())
            self.as_user = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--bounding-set", "-all"]
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
                           ("in", r"(\d+) bytes in"), ("out", r"bytes in, (\d+) out"), ("killed", r"(\d+) killed")):
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


class Verdict:
    """What was found wrong. `unless` says a thing that has to hold."""

    def __init__(self):
        self.wrong = 0

    def unless(self, holds, what):
        if not holds:
            self.wrong += 1
            say("WRONG: " + what)

    def nothing_is_left(self, server, before):
        self.unless(server.idle(), f"sessions or children are left: {children_of(server.pid)}, {server.status()['line']}")
        after = server.footprint()
        say(f"before: {before}")
        say(f"after:  {after}")
        self.unless(after["descriptors"] == before["descriptors"], "descriptors are left")
        self.unless(after["VmSize"] == before["VmSize"], "memory is left")
        self.unless(after["RssAnon"] <= before["RssAnon"] + 16, "memory is touched that was not before (KiB)")
        figures = server.status()
        say(figures["line"])
        self.unless(figures["accepted"] == figures["refused"] + figures["ended"],
                    "not every accepted connection is booked as refused or ended")
        return figures

    def end(self, server):
        self.unless(server.end() == 0, "the server did not end with status 0")
        say("all is well" if self.wrong == 0 else f"{self.wrong} things are wrong")
        sys.exit(1 if self.wrong else 0)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def receive(connection, count):
    received = bytearray()
    while len(received) < count:
        part = connection.recv(min(65536, count - len(received)))
        if not part:
            break
        received += part
    return bytes(received)


# --- mix: what a client can be like. Each takes a port and a random generator, and returns "right" (all came back),
# --- "cut" (the beginning came back), "wrong" (anything else), or "odd" (a client that asks for nothing).

IDLE_SECONDS = 3


def exchange(connection, message, rng, largest_part, pause):
    """Sends in parts and reads at the same time; then half-closes and reads to the end."""
    received = bytearray()

    def read_all():
        try:
            while part := connection.recv(rng.choice((1, 100, 4096, 65536)) if pause else 65536):
                received.extend(part)
                if pause:
                    time.sleep(pause / 10)
        except OSError:
            pass

    reader = threading.Thread(target=read_all)
    reader.start()
    try:
        at = 0
        while at < len(message):
            part = message[at:at + rng.randint(1, largest_part)]
            connection.sendall(part)
            at += len(part)
            if pause:
                time.sleep(rng.uniform(0, pause))
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    reader.join()
    connection.close()
    if bytes(received) == message:
        return "right"
    return "cut" if message.startswith(bytes(received)) else "wrong"


def good(port, rng):
    return exchange(connect(port), rng.randbytes(rng.choice((0, 1, 32, 4097, 70_000, 300_000))), rng, 70_000, 0)


def bulk(port, rng):
    return exchange(connect(port), rng.randbytes(8 << 20), rng, 1 << 20, 0)


def slow(port, rng):
    return exchange(connect(port), rng.randbytes(400), rng, 40, 0.1)


def urgent(port, rng):
    connection = connect(port)
    try:
        connection.sendall(b"ab")
        connection.send(b"c", socket.MSG_OOB)
        connection.sendall(b"de")
        connection.shutdown(socket.SHUT_WR)
        received = receive(connection, 100)
    except OSError:
        return "cut"
    connection.close()
    return "right" if received == b"abcde" else "cut" if b"abcde".startswith(received) else "wrong"


def silent(port, rng):
    connection = connect(port)
    try:
        return "odd" if connection.recv(1) == b"" else "wrong"
    except ConnectionError:
        return "odd"
    finally:
        connection.close()


def greedy(port, rng):
    """Sends and never reads, until the server has enough of it."""
    connection = connect(port)
    connection.settimeout(4 * IDLE_SECONDS)
    try:
        while True:
            connection.sendall(b"x" * 65536)
    except TimeoutError:
        return "wrong"
    except OSError:
        return "odd"
    finally:
        connection.close()


def dying(port, rng):
    """Goes in one of the ways that a server does not like."""
    connection = connect(port)
    way = rng.randrange(5)
    try:
        if way == 1:
            connection.sendall(rng.randbytes(100_000))
        elif way == 2:
            connection.sendall(b"x")
            connection.recv(1)
        elif way == 3:
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    if way == 4:
        connection.close()
    else:
        reset(connection)
    return "odd"


CLIENTS = [(good, 40), (bulk, 3), (slow, 8), (urgent, 5), (silent, 2), (greedy, 2), (dying, 40)]


def play(port, seconds, seed, results):
    """One process of clients: several threads, each one client after another."""
    kinds, weights = zip(*CLIENTS)
    counts = {}
    lock = threading.Lock()
    deadline = time.monotonic() + seconds

    def clients(own_seed):
        rng = random.Random(own_seed)
        while time.monotonic() < deadline:
            kind = rng.choices(kinds, weights)[0]
            try:
                result = kind(port, rng)
            except OSError as error:  # of the connect
                result = f"no connection: {error}"
            with lock:
                key = (kind.__name__, result)
                counts[key] = counts.get(key, 0) + 1

    threads = [threading.Thread(target=clients, args=(seed * 100 + i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(counts)


def make_trouble(server, seconds, rng):
    """What operators, the kernel and bad luck do to a server."""
    done = {}
    deadline = time.monotonic() + seconds

    def to_a_child(*signals):
        children = [pid for pid, state in children_of(server.pid) if state != "Z"]
        if not children:
            return
        pid = rng.choice(children)
        for number in signals:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            time.sleep(0.05)

    def short_of(what, value):
        server.limit(what, value)
        time.sleep(0.3)
        server.limit(what, 1000)

    def pause():
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(0.1)
        os.kill(server.pid, signal.SIGCONT)

    troubles = {
        "child killed": lambda: to_a_child(signal.SIGKILL),
        "child terminated": lambda: to_a_child(signal.SIGTERM),
        "child stopped for a while": lambda: to_a_child(signal.SIGSTOP, signal.SIGCONT),
        "server stopped for a while": pause,
        "no descriptors": lambda: short_of("nofile", 4),
        "SIGHUP": lambda: os.kill(server.pid, signal.SIGHUP),
        "SIGUSR1": lambda: os.kill(server.pid, signal.SIGUSR1),
    }
    if server.own_user:
        troubles["no processes"] = lambda: short_of("nproc", 2)
    while time.monotonic() < deadline:
        name = rng.choice(list(troubles))
        troubles[name]()
        done[name] = done.get(name, 0) + 1
        time.sleep(rng.uniform(0, 0.3))
    return done


def play_for(server, seconds, seed, trouble):
    results = multiprocessing.Queue()
    players = [multiprocessing.Process(target=play, args=(server.port, seconds, seed + i, results)) for i in range(2)]
    for player in players:
        player.start()
    done = make_trouble(server, seconds, random.Random(seed)) if trouble else {}
    counts = {}
    for _ in players:
        for key, count in results.get().items():
            counts[key] = counts.get(key, 0) + count
    for player in players:
        player.join()
    return counts, done


def mix(program, seconds):
    server = Server(program, "--idle-timeout", f"{IDLE_SECONDS}s", "--max-connections", "16")
    verdict = Verdict()
    seed = int.from_bytes(os.urandom(3), "big") * 10
    say(f"mix for {seconds} s, seed {seed}; first a while without trouble")
    play_for(server, max(2, seconds // 10), seed, False)
    verdict.unless(server.idle(), "the warm-up left something")
    before = server.footprint()
    earlier = server.status()
    begin = time.monotonic()
    counts, troubles = play_for(server, seconds, seed + 5, True)
    say(f"{sum(counts.values())} clients in {time.monotonic() - begin:.0f} s:")
    for (kind, result), count in sorted(counts.items()):
        say(f"  {kind}: {count} {result}")
    say("troubles: " + ", ".join(f"{count} x {name}" for name, count in sorted(troubles.items())))

    now = verdict.nothing_is_left(server, before)
    of_result = lambda result: sum(count for (_, its), count in counts.items() if its == result)
    verdict.unless(of_result("wrong") == 0, "a client got other bytes than it sent")
    verdict.unless(not any(result.startswith("no connection") for _, result in counts), "a client found nobody")
    verdict.unless(of_result("right") > 0, "no client was answered")
    cuttable = now["killed"] - earlier["killed"] + now["refused"] - earlier["refused"]
    verdict.unless(of_result("cut") <= cuttable,
                   f"{of_result('cut')} clients were cut, though only {cuttable} children were killed or could not be had")
    verdict.end(server)


def short_clients(port, count, results):
    wrong = 0
    for i in range(count):
        message = b"client %d" % i
        try:
            with connect(port) as connection:
                connection.sendall(message)
                connection.shutdown(socket.SHUT_WR)
                if receive(connection, 100) != message:
                    wrong += 1
        except OSError:
            wrong += 1
        if i % 1000 == 999:
            results.put((1000, wrong))
            wrong = 0
    results.put((count % 1000, wrong))


def short(program, count):
    server = Server(program)
    verdict = Verdict()
    warm_up = multiprocessing.Queue()
    short_clients(server.port, 50, warm_up)
    verdict.unless(server.idle(), "the warm-up left something")
    before = server.footprint()
    results = multiprocessing.Queue()
    parts = [count // 3, count // 3, count - 2 * (count // 3)]
    players = [multiprocessing.Process(target=short_clients, args=(server.port, part, results)) for part in parts]
    begin = time.monotonic()
    next_word = begin
    for player in players:
        player.start()
    done = wrong = most_zombies = 0
    while done < count:
        batch, failed = results.get()
        done += batch
        wrong += failed
        if time.monotonic() >= next_word:
            most_zombies = max(most_zombies, sum(state == "Z" for _, state in children_of(server.pid)))
            say(f"{done} of {count}, {wrong} wrong; {server.footprint()}")
            next_word = time.monotonic() + 10
    seconds = time.monotonic() - begin
    for player in players:
        player.join()
    say(f"{count} connections in {seconds:.0f} s, {count / seconds:.0f} a second; {wrong} wrong; "
        f"zombies seen at once: {most_zombies} at most")
    verdict.unless(wrong == 0, "a client was not answered right")
    verdict.nothing_is_left(server, before)
    verdict.end(server)


def open_sessions(server, count):
    """So many connections, each answered once."""
    connections = []
    for i in range(count):
        connection = connect(server.port)
        connections.append(connection)
        if i % 3000 == 2999:
            say(f"{i + 1} connections")
    return connections, answers(connections, b"first")


def answers(connections, word):
    """How many are answered right: all are asked before the first is listened to."""
    for i, connection in enumerate(connections):
        connection.sendall(b"%s %d" % (word, i))
    right = 0
    for i, connection in enumerate(connections):
        message = b"%s %d" % (word, i)
        right += receive(connection, len(message)) == message
    return right


def held(program, count):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most < count + 50:
        sys.exit(f"soak: {count} connections take as many descriptors, and the limit here is {most}")
    server = Server(program, "--max-connections", str(count))
    verdict = Verdict()
    # A first crowd touches the memory of the tables, which the second finds touched.
    for crowd in ("first", "second"):
        if crowd == "second":
            verdict.unless(server.idle(), "the first crowd left something")
            before = server.footprint()
        begin = time.monotonic()
        connections, right = open_sessions(server, count)
        right_again = answers(connections, b"second")
        figures = server.status()
        say(f"{crowd} crowd: {figures['open']} open at once, {right} answered, {right_again} answered again, "
            f"in {time.monotonic() - begin:.1f} s")
        verdict.unless(right == count and right_again == count and figures["open"] == count, "one was lost")
        for connection in connections:
            connection.close()
    verdict.nothing_is_left(server, before)
    verdict.end(server)


def stop(program, count):
    drain_seconds = 2
    server = Server(program, "--max-connections", str(count), "--drain-timeout", f"{drain_seconds}s")
    verdict = Verdict()
    connections, right = open_sessions(server, count)
    verdict.unless(right == count, "one was lost")
    children = [pid for pid, _ in children_of(server.pid)]
    begin = time.monotonic()
    status = server.end()
    seconds = time.monotonic() - begin
    say(f"{len(children)} sessions open; SIGTERM to the end: {seconds:.2f} s, the drain time-out being {drain_seconds} s")
    verdict.unless(status == 0, "the server did not end with status 0")
    verdict.unless(seconds < drain_seconds + 1, "it took more than a second longer than the drain time-out")
    verdict.unless(not any(os.path.exists(f"/proc/{pid}") for pid in children), "a child outlived it")
    verdict.unless(sum(receive(connection, 1) == b"" for connection in connections) == count, "a client is not told")
    say("all is well" if verdict.wrong == 0 else f"{verdict.wrong} things are wrong")
    sys.exit(1 if verdict.wrong else 0)


if __name__ == "__main__":
    {"mix": mix, "short": short, "held": held, "stop": stop}[sys.argv[2]](sys.argv[1], int(sys.argv[3]))
