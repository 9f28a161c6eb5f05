"""The machine: what it is, and what it is asked about while it is measured."""

import datetime
import os
import platform
import re
import socket
import statistics
import time


def text_of(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def kib_of(text, *names):
    """The sum of these fields of /proc/meminfo, or of a file like it."""
    return sum(int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[1]) for name in names)


def facts():
    processor = re.search(r"^model name\s*:\s*(.*)$", text_of("/proc/cpuinfo"), re.MULTILINE)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": processor[1] if processor else platform.machine(),
        "memory_mib": round(kib_of(text_of("/proc/meminfo"), "MemTotal") / 1024),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "somaxconn": int(text_of("/proc/sys/net/core/somaxconn") or 0),
        "date": datetime.date.today().isoformat(),
    }


SETTLED_KIB = 256
SETTLING = 4  # seconds at most; on a machine with other work it never is
LOOK = 0.2  # seconds from one look to the next


def available_kib():
    """Memory that nobody has, once that stands still: what ended gives its memory back over a second or more. What the
    kernel keeps as MemAvailable is not taken, because it counts half of the slabs that can be reclaimed as free, and the
    inodes of held sockets are among these."""
    deadline = time.monotonic() + SETTLING
    looks = [look_at_memory()]
    while time.monotonic() < deadline:
        time.sleep(LOOK)
        looks.append(look_at_memory())
        if max(looks[-3:]) - min(looks[-3:]) < SETTLED_KIB and len(looks) >= 3:
            break
    return statistics.median(looks[-3:])


def look_at_memory():
    return kib_of(text_of("/proc/meminfo"), "MemFree", "Buffers", "Cached")


def own_kib(pid):
    """What a process has of memory for itself alone, the kernel's part not counted."""
    return kib_of(text_of(f"/proc/{pid}/smaps_rollup"), "Private_Clean", "Private_Dirty")


def minor_faults(pid):
    """Of a process itself, and of its children that were waited for."""
    fields = text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[7]), int(fields[8])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
