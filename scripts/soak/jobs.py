"""The jobs of scripts/soak.sh, and what is compared after each: jobs.py TCPSERVER mix|short|held|stop AMOUNT"""

import multiprocessing
import os
import queue
import random
import resource
import signal
import socket
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


def new_player(target, args):
    """A process of clients, which ends with this one."""

    def run():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        target(*args)

    return multiprocessing.Process(target=run, daemon=True)


def next_of(results):
    try:
        return results.get(timeout=2 * PATIENCE)
    except queue.Empty:
        sys.exit("soak: the clients say nothing any more")


def play_for(server, seconds, seed, trouble):
    results = multiprocessing.Queue()
    players = [new_player(play, (server.port, seconds, seed + i, results)) for i in range(2)]
    for player in players:
        player.start()
    done = make_trouble(server, seconds, random.Random(seed)) if trouble else {}
    counts = {}
    for _ in players:
        for key, count in next_of(results).items():
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
    players = [new_player(short_clients, (server.port, part, results)) for part in parts]
    begin = time.monotonic()
    next_word = begin
    for player in players:
        player.start()
    done = wrong = most_zombies = 0
    while done < count:
        batch, failed = next_of(results)
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("soak: ended by SIGTERM"))
    signal.signal(signal.SIGINT, lambda *_: sys.exit("soak: ended by SIGINT"))
    {"mix": mix, "short": short, "held": held, "stop": stop}[sys.argv[2]](sys.argv[1], int(sys.argv[3]))
