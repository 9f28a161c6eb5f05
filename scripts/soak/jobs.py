"""The jobs of scripts/soak.sh: jobs.py TCPSERVER mix|short|held|stop AMOUNT"""

import collections
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

from clients import CLIENTS, IDLE_SECONDS, connect
from process import find_children
from server import PATIENCE, Server, say

CLIENTS_AT_ONCE = 24
DRAIN_SECONDS = 2


def run_clients(port, seconds, seed):
    """Runs one client after another. Returns the number of results by kind."""
    rng = random.Random(seed)
    kinds, weights = zip(*CLIENTS)
    counts = collections.Counter()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        kind = rng.choices(kinds, weights)[0]
        try:
            result = kind(port, rng)
        except ConnectionResetError:  # refused before connect(2) returned
            result = "cut"
        except OSError as error:  # from connect(2)
            result = f"no connection: {error}"
        counts[kind.__name__, result] += 1
    return counts


def disturb(server, seconds, rng):
    """Disturbs the server as operators, the kernel and accidents do. Returns the number of each disturbance."""

    def signal_process(pid, *signals):
        try:
            for number in signals:
                os.kill(pid, number)
                time.sleep(0.1)
        except ProcessLookupError:
            pass

    def signal_child(*signals):
        if children := find_children(server.pid):
            signal_process(rng.choice(children), *signals)

    def limit_briefly(name, value):
        server.limit(name, value)
        time.sleep(0.3)
        server.limit(name, 1000)

    disturbances = {
        "child killed": lambda: signal_child(signal.SIGKILL),
        "child terminated": lambda: signal_child(signal.SIGTERM),
        "child stopped briefly": lambda: signal_child(signal.SIGSTOP, signal.SIGCONT),
        "server stopped briefly": lambda: signal_process(server.pid, signal.SIGSTOP, signal.SIGCONT),
        "no descriptors": lambda: limit_briefly("nofile", 4),
        "SIGHUP": lambda: signal_process(server.pid, signal.SIGHUP),
        "SIGUSR1": lambda: signal_process(server.pid, signal.SIGUSR1),
    }
    if server.own_user:
        disturbances["no processes"] = lambda: limit_briefly("nproc", 2)
    done = collections.Counter()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        name = rng.choice(list(disturbances))
        disturbances[name]()
        done[name] += 1
        time.sleep(rng.uniform(0, 0.3))
    return done


def init_worker():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def run_round(server, seconds, seed, with_disturbances):
    with multiprocessing.Pool(CLIENTS_AT_ONCE, init_worker) as pool:
        workers = [pool.apply_async(run_clients, (server.port, seconds, f"{seed} {number}")) for number in range(CLIENTS_AT_ONCE)]
        done = disturb(server, seconds, random.Random(seed)) if with_disturbances else {}
        try:
            return sum((worker.get(seconds + 2 * PATIENCE) for worker in workers), collections.Counter()), done
        except multiprocessing.TimeoutError:
            sys.exit("soak: the clients did not end")


def mix(program, seconds):
    server = Server(program, "--idle-timeout", f"{IDLE_SECONDS}s", "--max-connections", "16")
    seed = int.from_bytes(os.urandom(3), "big")
    say(f"mix for {seconds} s, seed {seed}; warm-up without disturbances")
    run_round(server, max(2, seconds // 10), f"{seed} warm-up", False)
    server.check_idle("after the warm-up")
    before, earlier = server.footprint(), server.status()
    begin = time.monotonic()
    counts, disturbances = run_round(server, seconds, seed, True)
    say(f"{counts.total()} clients in {time.monotonic() - begin:.0f} s:")
    for (kind, result), count in sorted(counts.items()):
        say(f"  {kind}: {count} {result}")
    say("disturbances: " + ", ".join(f"{count} x {name}" for name, count in sorted(disturbances.items())))

    new = server.check_nothing_is_left(before)
    new.subtract(earlier)
    results = collections.Counter()
    for (_, result), count in counts.items():
        results[result.partition(":")[0]] += count
    server.check(results["wrong"] == 0, "a client received other bytes than it sent")
    server.check(results["no connection"] == 0, "a client could not connect")
    server.check(results["right"] > 0, "no client got a reply")
    # If the machine stalls for seconds, a slow client may reach the idle timeout.
    timed_out = max(0, new["ended_idle_timeout"] - counts["silent", "odd"] - counts["greedy", "odd"])
    cuttable = new["ended_killed"] + new["refused"] + timed_out
    server.check(results["cut"] <= cuttable,
                 f"{results['cut']} clients were cut, but only {cuttable} children were killed or connections refused")
    return server


def load(server, *options):
    """Returns the report of tcpload. Its progress is shown on a terminal."""
    done = subprocess.run([server.tcpload, "127.0.0.1", str(server.port), "--json", *map(str, options)],
                          stdout=subprocess.PIPE, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        sys.exit(f"soak: tcpload exited with status {done.returncode} and without a report")


def short(program, count):
    server = Server(program)
    load(server, "--connections", 50)
    server.check_idle("after the warm-up")
    before = server.footprint()
    report = load(server, "--connections", count, "--concurrency", 3, "--sources", 4)
    say(f"{report['connections']} connections in {report['duration_s']:.0f} s, {report['rate_per_s']:.0f} per second; "
        f"{report['errors']} wrong")
    server.check(report["errors"] == 0 and report["connections"] == count, "a client got a wrong reply")
    server.check_nothing_is_left(before)
    return server


def held(program, count):
    server = Server(program, "--max-connections", str(count))
    # The first round makes the server touch the memory of its tables.
    for name in ("first", "second"):
        before = server.footprint()
        report = load(server, "--hold", "1s", "--concurrency", count)
        say(f"{name} round: {report['held']} open at once, in {report['duration_s']:.1f} s; {report['errors']} wrong")
        server.check(report["held"] == count and report["errors"] == 0, "a connection was lost")
        server.check_idle(f"after the {name} round")
    server.check_nothing_is_left(before)
    return server


def stop(program, count):
    server = Server(program, "--max-connections", str(count), "--drain-timeout", f"{DRAIN_SECONDS}s")
    connections = [connect(server.port) for _ in range(count)]
    for connection in connections:
        connection.sendall(b"x")
    server.check(all(connection.recv(1) == b"x" for connection in connections), "a connection was lost")
    children = find_children(server.pid)
    begin = time.monotonic()
    server.stop()
    seconds = time.monotonic() - begin
    say(f"{len(children)} open sessions; stopped {seconds:.2f} s after SIGTERM; drain timeout {DRAIN_SECONDS} s")
    server.check(seconds < DRAIN_SECONDS + 1, "the stop took over a second longer than the drain timeout")
    server.check(not any(os.path.exists(f"/proc/{pid}") for pid in children), "a child is still running")
    server.check(all(connection.recv(1) == b"" for connection in connections), "a client was not closed")
    return server


def main():
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit("soak: terminated by " + signal.Signals(number).name))
    server = {"mix": mix, "short": short, "held": held, "stop": stop}[sys.argv[2]](sys.argv[1], int(sys.argv[3]))
    if server.process.popen.returncode is None:
        server.stop()
    say("all checks passed" if server.wrong == 0 else f"{server.wrong} checks failed")
    sys.exit(1 if server.wrong else 0)


if __name__ == "__main__":
    main()
