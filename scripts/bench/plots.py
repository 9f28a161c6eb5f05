"""Draws the plots of README.md with gnuplot: transparent, and readable on light and dark pages."""

import subprocess

from measures import CONCURRENCIES, IN_THE_PLOT, MORE_CONCURRENCIES, MORE_HELD
from results import compute_median

TEXT, GRID = "#77808a", "#a0808080"  # the grey is readable on white and on black; the grid is translucent
# Color-blind readers can distinguish these colors (Okabe and Ito).
OURS, RIVAL, FLOOR = "#d55e00", "#56b4e9", "#999999"
LINES = dict(zip(IN_THE_PLOT, (OURS, "#0072b2", RIVAL, "#009e73", FLOOR)))
STYLE = "with linespoints linewidth 2 pointtype 7 pointsize 0.6"
DEADLINE = 60  # seconds; gnuplot needs one


def settings(out, name, height):
    return f"""set terminal svg size 760,{height} name "{name}" dynamic font "sans-serif,14"
set output "{out}/{name}.svg"
set border 1 linecolor rgb "{TEXT}"
set tics textcolor rgb "{TEXT}" nomirror scale 0
set title textcolor rgb "{TEXT}" offset 0,-0.6
set xlabel textcolor rgb "{TEXT}" offset 0,0.4
set key textcolor rgb "{TEXT}"
set style fill solid 1 noborder
set decimalsign "."
set rmargin at screen 0.97
"""


def block(name, rows):
    """Returns a table in the syntax of gnuplot."""
    return f"${name} << END\n" + "".join(" ".join(map(str, row)) + "\n" for row in rows) + "END\n"


def bars(document, key, more_is_better, title, out, name):
    """Returns the script for one bar per contestant, the best at the top."""
    found = sorted(((compute_median(entry, key), entry) for entry in document["contestants"].values()
                    if compute_median(entry, key) is not None), key=lambda pair: pair[0], reverse=more_is_better)
    colour = {"ours": OURS, "rival": RIVAL, "floor": FLOOR}
    rows = [(at, value, int(colour[entry["kind"]][1:], 16), f'"{value:,.0f}"', f'"{entry["title"]}"')
            for at, (value, entry) in enumerate(found, 1)]
    return settings(out, name, 110 + 34 * len(rows)) + block("bars", rows) + f"""set title "{title}"
set xlabel "{"more" if more_is_better else "less"} is better"
set grid xtics linetype 1 linecolor rgb "{GRID}"
set xrange [0:{1.12 * max([row[1] for row in rows], default=1)}]
set yrange [{len(rows)}.6:0.4]
set lmargin at screen 0.29
unset key
plot $bars using 2:1:(0):2:($1-0.34):($1+0.34):3:ytic(5) with boxxyerror linecolor rgb variable, \\
     '' using 2:1:4 with labels left offset 0.6,0 textcolor rgb "{TEXT}"
"""


def collect_points(entry, key, numbers):
    return [(number, compute_median(entry, key % number)) for number in numbers if compute_median(entry, key % number) is not None]


def lines(document, out, name):
    """Returns the script for connections per second by concurrency and by the number of held connections."""
    concurrencies = sorted(CONCURRENCIES + MORE_CONCURRENCIES)
    blocks = plots = ""
    for contestant, entry in document["contestants"].items():
        points = collect_points(entry, "connections_per_s_at_%d", concurrencies)
        if contestant in LINES and points:
            data = contestant.replace("-", "_")
            blocks += block(data, points)
            plots += f'${data} using 1:2 {STYLE} linecolor rgb "{LINES[contestant]}" title "{entry["title"]}", '
    blocks += block("held", collect_points(document["contestants"]["tcpserver"], "connections_per_s_with_%d_held", MORE_HELD))
    return settings(out, name, 660) + blocks + f"""set multiplot
set grid ytics linetype 1 linecolor rgb "{GRID}"
set lmargin at screen 0.10
set yrange [0:*]
set title "Connections per second, by concurrency"
set logscale x 2
set xrange [0.9:1150]
set xtics ({", ".join(map(str, concurrencies))})
set tmargin at screen 0.95
set bmargin at screen 0.63
set key at screen 0.54,0.57 center top maxrows 3 samplen 1.5
plot {plots.rstrip(", ")}
unset logscale x
set xrange [-200:10300]
set xtics ({", ".join(map(str, MORE_HELD))})
set title "tcpserver: connections per second, concurrency 64, beside held connections"
set tmargin at screen 0.37
set bmargin at screen 0.08
unset key
plot $held using 1:2 {STYLE} linecolor rgb "{OURS}"
unset multiplot
"""


def draw(document, out):
    for script in (bars(document, "connections_per_s_at_64", True, "Connections per second, concurrency 64", out, "rate"),
                   bars(document, "memory_kib_per_held_connection", False,
                        "KiB of memory per held connection, including the kernel's", out, "memory"),
                   lines(document, out, "lines")):
        subprocess.run(["gnuplot"], input=script, text=True, check=True, timeout=DEADLINE)
