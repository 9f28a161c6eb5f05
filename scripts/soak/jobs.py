"""The jobs of scripts/soak.sh, and what is compared after each: jobs.py TCPSERVER mix|short|held|stop AMOUNT"""

import json
import multiprocessing
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time

from clients import CLIENTS, IDLE_SECONDS, connect, receive
from server import PATIENCE, Server, children_of, eventually, say


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
            except ConnectionResetError:  # refused so soon that the connect has seen it
                result = "cut"
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


def play_alone(*args):
    """In a process of its own, which ends with this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    play(*args)


def play_for(server, seconds, seed, trouble):
    results = multiprocessing.Queue()
    players = [multiprocessing.Process(target=play_alone, args=(server.port, seconds, seed + i, results), daemon=True)
               for i in range(2)]
    for player in players:
        player.start()
    done = make_trouble(server, seconds, random.Random(seed)) if trouble else {}
    counts = {}
    for _ in players:
        try:
            found = results.get(timeout=2 * PATIENCE)
        except queue.Empty:
            sys.exit("soak: the clients say nothing any more")
        for key, count in found.items():
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
    # On a machine that stands still for seconds, a slow client may be an idle one, too.
    timed_out = now["idle"] - earlier["idle"] - sum(counts.get((kind, "odd"), 0) for kind in ("silent", "greedy"))
    cuttable = now["killed"] - earlier["killed"] + now["refused"] - earlier["refused"] + max(0, timed_out)
    verdict.unless(of_result("cut") <= cuttable,
                   f"{of_result('cut')} clients were cut, though only {cuttable} children were killed or could not be had")
    verdict.end(server)


def load(server, *options):
    """What tcpload reports of this load. Its progress is shown on a terminal."""
    done = subprocess.run([server.tcpload, "127.0.0.1", str(server.port), "--json", *map(str, options)],
                          stdout=subprocess.PIPE, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        sys.exit(f"soak: tcpload ended with status {done.returncode} and no report")


def short(program, count):
    server = Server(program)
    verdict = Verdict()
    load(server, "--connections", 50)
    verdict.unless(server.idle(), "the warm-up left something")
    before = server.footprint()
    figures = load(server, "--connections", count, "--concurrency", 3, "--sources", 4)
    say(f"{figures['connections']} connections in {figures['duration_s']:.0f} s, {figures['rate_per_s']:.0f} per second; "
        f"{figures['errors']} wrong")
    verdict.unless(figures["errors"] == 0 and figures["connections"] == count, "a client was not answered right")
    verdict.nothing_is_left(server, before)
    verdict.end(server)


def held(program, count):
    server = Server(program, "--max-connections", str(count))
    verdict = Verdict()
    # The first crowd touches the memory of the tables, which the second finds touched.
    for crowd in ("first", "second"):
        if crowd == "second":
            verdict.unless(server.idle(), "the first crowd left something")
            before = server.footprint()
        figures = load(server, "--hold", "1s", "--concurrency", count)
        say(f"{crowd} crowd: {figures['held']} open at once, in {figures['duration_s']:.1f} s; {figures['errors']} wrong")
        verdict.unless(figures["held"] == count and figures["errors"] == 0, "one was lost")
    verdict.nothing_is_left(server, before)
    verdict.end(server)


def stop(program, count):
    drain_seconds = 2
    server = Server(program, "--max-connections", str(count), "--drain-timeout", f"{drain_seconds}s")
    verdict = Verdict()
    connections = [connect(server.port) for _ in range(count)]
    for connection in connections:
        connection.sendall(b"x")
    verdict.unless(sum(receive(connection, 1) == b"x" for connection in connections) == count, "one was lost")
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("soak: ended by SIGTERM"))
    signal.signal(signal.SIGINT, lambda *_: sys.exit("soak: ended by SIGINT"))
    {"mix": mix, "short": short, "held": held, "stop": stop}[sys.argv[2]](sys.argv[1], int(sys.argv[3]))
