"""What was measured: kept as JSON, and shown as tables."""

import dataclasses
import json
import re
import statistics

from measures import CONCURRENCIES, MORE_CONCURRENCIES, MORE_HELD


@dataclasses.dataclass
class Figure:
    digits: int = 0
    more_is_better: bool = True


RATE, COST, FINE_COST = Figure(), Figure(0, False), Figure(1, False)
FIGURES = {
    **{f"connections_per_s_at_{n}": RATE for n in sorted(CONCURRENCIES + MORE_CONCURRENCIES)},
    "latency_p50_us_at_64": COST,
    "latency_p99_us_at_64": COST,
    "ping_p50_us": FINE_COST,
    "bulk_mb_per_s": RATE,
    "memory_kib_per_held_connection": COST,
    "minor_faults_per_child": FINE_COST,
    "minor_faults_of_parent_per_connection": FINE_COST,
    "system_calls_per_child": FINE_COST,
    "system_calls_of_parent_per_connection": FINE_COST,
    **{f"connections_per_s_with_{n}_held": RATE for n in MORE_HELD},
    **{f"memory_kib_per_connection_of_{n}_held": COST for n in MORE_HELD if n},
}
# Of the README's table: the head, and what stands below it; of two figures both, with a plus between.
COLUMNS = (
    ("connections/s, one by one", ("connections_per_s_at_1",)),
    ("64 at a time", ("connections_per_s_at_64",)),
    ("512", ("connections_per_s_at_512",)),
    ("p99 of 64, µs", ("latency_p99_us_at_64",)),
    ("round trip, µs", ("ping_p50_us",)),
    ("one stream, MB/s", ("bulk_mb_per_s",)),
    ("KiB a held connection", ("memory_kib_per_held_connection",)),
    ("page faults, child + parent", ("minor_faults_per_child", "minor_faults_of_parent_per_connection")),
    ("system calls, child + parent", ("system_calls_per_child", "system_calls_of_parent_per_connection")),
)
NONE = "–"


def without_folders(words):
    """What is kept says nothing of where things lie on the machine."""
    return re.sub(r"(/[\w.+~-]+)+/", "", words)


class Results:
    """Raw figures of all rounds; None where one failed, and why."""

    def __init__(self, facts):
        self.facts = facts
        self.contestants = {}

    def enter(self, contestant):
        self.contestants[contestant.name] = {"title": contestant.title, "kind": contestant.kind,
                                             "version": contestant.version, "missing": without_folders(contestant.missing),
                                             "figures": {}}

    def record(self, name, key, value):
        figure = self.contestants[name]["figures"].setdefault(key, {"rounds": []})
        figure["rounds"].append(round(value, 3))

    def fail(self, name, key, why):
        figure = self.contestants[name]["figures"].setdefault(key, {"rounds": []})
        figure["rounds"].append(None)
        figure["failed"] = without_folders(why)

    def document(self):
        for entry in self.contestants.values():
            for figure in entry["figures"].values():
                figure.update(summary(figure["rounds"]))
        return {**self.facts, "contestants": self.contestants}


def summary(rounds):
    """Median and spread of the rounds that gave a figure."""
    values = [value for value in rounds if value is not None]
    if not values:
        return {"median": None, "min": None, "max": None}
    return {"median": round(statistics.median(values), 3), "min": min(values), "max": max(values)}


def write(path, document):
    with open(path, "w") as file:
        json.dump(document, file, indent=1, ensure_ascii=False)
        file.write("\n")


def read(path):
    with open(path) as file:
        return json.load(file)


def median_of(entry, key):
    return entry["figures"].get(key, {}).get("median")


def number(value, digits):
    return NONE if value is None else f"{value:,.{digits}f}"


def markdown_of(document):
    """The README's table: medians, where they come from, and why there is a dash."""
    entries = [entry for entry in document["contestants"].values() if not entry["missing"]]
    lines = ["| | " + " | ".join(head for head, _ in COLUMNS) + " |", "| --- |" + " ---: |" * len(COLUMNS)]
    for entry in entries:
        cells = [cell_of(entry, keys) for _, keys in COLUMNS]
        title = f"**{entry['title']}**" if entry["kind"] == "ours" else entry["title"]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", source_of(document), *dashes_of(document)]) + "\n"


def cell_of(entry, keys):
    values = [number(median_of(entry, key), FIGURES[key].digits) for key in keys]
    return NONE if NONE in values else " + ".join(values)


def source_of(document):
    machine = document["machine"]
    versions = [f"{name} {entry['version']}" for name, entry in document["contestants"].items() if entry["version"]]
    return (f"Medians; rounds: {document['settings']['rounds']}, {machine['date']}, on {machine['cores']} cores "
            f"({machine['processor']}), {machine['memory_mib'] / 1024:.0f} GiB, {machine['kernel']}. "
            f"{', '.join(versions)}; {', '.join(sorted(set(document['compilers'].values())))}.")


def dashes_of(document):
    """Folded, a line for each reason why there is no figure in the table."""
    shown = [key for _, keys in COLUMNS for key in keys]
    reasons = {}
    for entry in document["contestants"].values():
        if entry["missing"]:
            reasons.setdefault((entry["title"], entry["missing"]), []).append("all")
        for key in shown:
            figure = entry["figures"].get(key, {})
            if "failed" in figure and figure["median"] is None:
                reasons.setdefault((entry["title"], figure["failed"]), []).append(f"`{key}`")
    if not reasons:
        return []
    lines = [f"- {title}, {', '.join(keys)}: {why}." for (title, why), keys in reasons.items()]
    return ["\n<details><summary>Where there is a dash, and why</summary>\n", *lines, "\n</details>"]


def medians_of(document):
    """For the terminal: one line per figure."""
    present = [(name, entry) for name, entry in document["contestants"].items() if not entry["missing"]]
    return "".join(f"{key}: " + ", ".join(f"{name} {number(median_of(entry, key), figure.digits)}"
                                          for name, entry in present) + "\n"
                   for key, figure in FIGURES.items() if any(key in entry["figures"] for _, entry in present))
