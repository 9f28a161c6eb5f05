"""The kinds of clients. Each takes a port and a random generator and returns "right" (all bytes came back), "cut" (only
the first bytes came back), "wrong" (other bytes came back), or "odd" (the client expects no reply)."""

import socket
import threading
import time

from server import PATIENCE

IDLE_SECONDS = 3  # the server's --idle-timeout


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def compare(received, message):
    return "right" if received == message else "cut" if message.startswith(received) else "wrong"


def exchange(connection, message, rng, largest_part, pause):
    """Sends in parts while reading; then half-closes and reads to the end."""
    received = bytearray()

    def read_all():
        try:
            while part := connection.recv(rng.choice((1, 100, 4096, 65536)) if pause else 65536):
                received.extend(part)
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
            time.sleep(rng.uniform(0, pause))
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    reader.join()
    connection.close()
    return compare(bytes(received), message)


def good(port, rng):
    return exchange(connect(port), rng.randbytes(rng.choice((0, 1, 32, 4097, 70_000, 300_000))), rng, 70_000, 0)


def bulk(port, rng):
    return exchange(connect(port), rng.randbytes(8 << 20), rng, 1 << 20, 0)


def slow(port, rng):
    return exchange(connect(port), rng.randbytes(400), rng, 40, 0.1)


def urgent(port, _):
    with connect(port) as connection:
        try:
            connection.sendall(b"ab")
            connection.send(b"c", socket.MSG_OOB)
            connection.sendall(b"de")
            connection.shutdown(socket.SHUT_WR)
            return compare(b"".join(iter(lambda: connection.recv(100), b"")), b"abcde")
        except OSError:
            return "cut"


def silent(port, _):
    with connect(port) as connection:
        try:
            return "odd" if connection.recv(1) == b"" else "wrong"
        except ConnectionError:
            return "odd"


def greedy(port, _):
    """Sends and never reads, until the server closes the connection."""
    with connect(port) as connection:
        connection.settimeout(4 * IDLE_SECONDS)
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except TimeoutError:
            return "wrong"
        except OSError:
            return "odd"


def dying(port, rng):
    """Closes abruptly, usually with RST."""
    with connect(port) as connection:
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
        if way != 4:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return "odd"


CLIENTS = [(good, 40), (bulk, 3), (slow, 8), (urgent, 5), (silent, 2), (greedy, 2), (dying, 40)]  # with their weights
