"""Describes the machine and reads its memory and page faults."""

import datetime
import os
import platform
import re
import socket
import statistics
import time

SETTLED_KIB = 256
SETTLING = 4  # seconds at most, because other programs may change the free memory all the time
SAMPLE_INTERVAL = 0.2  # seconds


def read_text(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def read_kib(path, *names):
    """Returns the sum of these fields of /proc/meminfo or of a similar file."""
    return sum(int(kib) for kib in re.findall(rf"^(?:{'|'.join(names)}):\s+(\d+) kB", read_text(path), re.MULTILINE))


def facts():
    processor = re.search(r"^model name\s*:\s*(.*)$", read_text("/proc/cpuinfo"), re.MULTILINE)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": processor[1] if processor else platform.machine(),
        "memory_mib": round(read_kib("/proc/meminfo", "MemTotal") / 1024),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "somaxconn": int(read_text("/proc/sys/net/core/somaxconn") or 0),
        "date": datetime.date.today().isoformat(),
    }


def available_kib():
    """Returns the free memory once it is stable: ended processes return memory for a second or longer. MemAvailable is
    unsuitable because it counts half of the reclaimable slabs as free, which contain the inodes of held sockets."""
    deadline = time.monotonic() + SETTLING
    samples = []
    while time.monotonic() < deadline:
        samples.append(read_kib("/proc/meminfo", "MemFree", "Buffers", "Cached"))
        if len(samples) >= 3 and max(samples[-3:]) - min(samples[-3:]) < SETTLED_KIB:
            break
        time.sleep(SAMPLE_INTERVAL)
    return statistics.median(samples[-3:])


def own_kib(pid):
    """Returns the private memory of a process, without kernel memory."""
    return read_kib(f"/proc/{pid}/smaps_rollup", "Private_Clean", "Private_Dirty")


def minor_faults(pid):
    """Returns the minor faults of a process, and of the children that it has waited for."""
    fields = read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[7]), int(fields[8])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
