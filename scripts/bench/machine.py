"""What the machine is, and its memory and page faults."""

import datetime
import os
import platform
import re
import socket
import statistics
import time

SETTLED_KIB = 256
SETTLING = 4  # seconds at most; memory never settles on a machine with other work
LOOK = 0.2  # seconds between two looks


def text_of(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def kib_of(path, *names):
    """The sum of these fields of /proc/meminfo, or of a file like it."""
    return sum(int(kib) for kib in re.findall(rf"^(?:{'|'.join(names)}):\s+(\d+) kB", text_of(path), re.MULTILINE))


def facts():
    processor = re.search(r"^model name\s*:\s*(.*)$", text_of("/proc/cpuinfo"), re.MULTILINE)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": processor[1] if processor else platform.machine(),
        "memory_mib": round(kib_of("/proc/meminfo", "MemTotal") / 1024),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "somaxconn": int(text_of("/proc/sys/net/core/somaxconn") or 0),
        "date": datetime.date.today().isoformat(),
    }


def available_kib():
    """Free memory, once it settles: processes that ended give theirs back over a second or more. Not MemAvailable, which
    counts half of the reclaimable slabs as free, and the inodes of held sockets are among these."""
    deadline = time.monotonic() + SETTLING
    looks = []
    while time.monotonic() < deadline:
        looks.append(kib_of("/proc/meminfo", "MemFree", "Buffers", "Cached"))
        if len(looks) >= 3 and max(looks[-3:]) - min(looks[-3:]) < SETTLED_KIB:
            break
        time.sleep(LOOK)
    return statistics.median(looks[-3:])


def own_kib(pid):
    """Memory of a process that it shares with no other, without the kernel's part."""
    return kib_of(f"/proc/{pid}/smaps_rollup", "Private_Clean", "Private_Dirty")


def minor_faults(pid):
    """Of a process, and of its children that it waited for."""
    fields = text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[7]), int(fields[8])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
