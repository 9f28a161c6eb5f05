"""Keeps the results as JSON and prints them as tables."""

import json
import re
import statistics

from measures import STEPS

FIGURES = [key for step in STEPS for key in step.keys]
# The columns of the table in README.md. Two keys are shown as a sum.
COLUMNS = (
    ("connections/s, concurrency 1", ("connections_per_s_at_1",)),
    ("64", ("connections_per_s_at_64",)),
    ("512", ("connections_per_s_at_512",)),
    ("p99 at 64, µs", ("latency_p99_us_at_64",)),
    ("round trip, µs", ("ping_p50_us",)),
    ("one stream, MB/s", ("bulk_mb_per_s",)),
    ("KiB per held connection", ("memory_kib_per_held_connection",)),
    ("page faults, child + parent", ("minor_faults_per_child", "minor_faults_of_parent_per_connection")),
    ("system calls, child + parent", ("system_calls_per_child", "system_calls_of_parent_per_connection")),
)
NONE = "–"


def remove_directories(words):
    """Removes the paths of this machine from the results."""
    return re.sub(r"(/[\w.+~-]+)+/", "", words)


def add(contestant_entry, key, value, why=""):
    """Adds the value of a round. None means that it failed."""
    figure = contestant_entry["figures"].setdefault(key, {"rounds": []})
    figure["rounds"].append(None if value is None else round(value, 3))
    values = [value for value in figure["rounds"] if value is not None]
    if value is None:
        figure["failed"] = remove_directories(why)
    figure.update({"median": round(statistics.median(values), 3), "min": min(values), "max": max(values)} if values else
                  {"median": None, "min": None, "max": None})


def write(path, document):
    with open(path, "w") as file:
        json.dump(document, file, indent=1, ensure_ascii=False)
        file.write("\n")


def read(path):
    with open(path) as file:
        return json.load(file)


def compute_median(entry, key):
    return entry["figures"].get(key, {}).get("median")


def format_figure(entry, key):
    value = compute_median(entry, key)
    digits = 1 if key.startswith(("ping", "minor_faults", "system_calls")) else 0
    return NONE if value is None else f"{value:,.{digits}f}"


def format_markdown(document):
    """Returns the table for README.md: medians, their origin, and the reasons for missing values."""
    lines = ["| | " + " | ".join(head for head, _ in COLUMNS) + " |", "| --- |" + " ---: |" * len(COLUMNS)]
    for entry in document["contestants"].values():
        if not entry["missing"]:
            title = f"**{entry['title']}**" if entry["kind"] == "ours" else entry["title"]
            cells = [" + ".join(format_figure(entry, key) for key in keys) for _, keys in COLUMNS]
            lines.append(f"| {title} | " + " | ".join(NONE if NONE in cell else cell for cell in cells) + " |")
    return "\n".join([*lines, "", describe_source(document), *format_reasons(document)]) + "\n"


def describe_source(document):
    machine = document["machine"]
    versions = [f"{name} {entry['version']}" for name, entry in document["contestants"].items() if entry["version"]]
    return (f"Medians; rounds: {document['settings']['rounds']}, {machine['date']}, on {machine['cores']} cores "
            f"({machine['processor']}), {machine['memory_mib'] / 1024:.0f} GiB, {machine['kernel']}. "
            f"{', '.join(versions)}; {', '.join(sorted(set(document['compilers'].values())))}.")


def format_reasons(document):
    """Returns one folded line for each reason for a missing value."""
    reasons = {}
    for entry in document["contestants"].values():
        if entry["missing"]:
            reasons.setdefault((entry["title"], entry["missing"]), []).append("all")
        for key in (key for _, keys in COLUMNS for key in keys):
            figure = entry["figures"].get(key, {})
            if "failed" in figure and figure["median"] is None:
                reasons.setdefault((entry["title"], figure["failed"]), []).append(f"`{key}`")
    if not reasons:
        return []
    lines = [f"- {title}, {', '.join(keys)}: {why}." for (title, why), keys in reasons.items()]
    return ["\n<details><summary>Reasons for missing values</summary>\n", *lines, "\n</details>"]


def format_medians(document):
    """Returns one line per measurement, for the terminal."""
    present = {name: entry for name, entry in document["contestants"].items() if not entry["missing"]}
    return "".join(f"{key}: " + ", ".join(f"{name} {format_figure(entry, key)}" for name, entry in present.items()) + "\n"
                   for key in FIGURES if any(key in entry["figures"] for entry in present.values()))
