"""What a client can be like. Each kind takes a port and a random generator, and returns "right" (all came back), "cut" (the
beginning came back), "wrong" (anything else), or "odd" (a client that asks for nothing)."""

import socket
import threading
import time

from server import PATIENCE

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
