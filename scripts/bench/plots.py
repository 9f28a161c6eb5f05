"""The README's plots of the kept results, drawn by gnuplot: transparent, and readable on light and dark pages."""

import subprocess

from measures import CONCURRENCIES, IN_THE_PICTURE, MORE_CONCURRENCIES, MORE_HELD
from results import FIGURES, median_of

TEXT, GRID = "#77808a", "#a0808080"  # a grey with enough contrast to white and to black; the grid is translucent
# Colours that colour-blind people can tell apart (Okabe and Ito).
OURS, RIVAL, FLOOR = "#d55e00", "#56b4e9", "#999999"
LINES = dict(zip(IN_THE_PICTURE, (OURS, "#0072b2", RIVAL, "#009e73", FLOOR)))
DEADLINE = 60  # seconds for gnuplot, which takes one


def settings(out, name, size):
    return f"""set terminal svg size {size} name "{name}" dynamic font "sans-serif,14"
set output "{out}/{name}.svg"
set border 1 linecolor rgb "{TEXT}"
set tics textcolor rgb "{TEXT}" nomirror scale 0
set title textcolor rgb "{TEXT}" offset 0,-0.6
set xlabel textcolor rgb "{TEXT}" offset 0,0.4
set key textcolor rgb "{TEXT}"
set style fill solid 1 noborder
set decimalsign "."
"""


def block(name, rows):
    """Data in the script itself, so that nothing else has to be kept."""
    return f"${name} << END\n" + "".join(" ".join(map(str, row)) + "\n" for row in rows) + "END\n"


def bars(document, key, title, head, out, name):
    """One bar per contestant, the best at the top."""
    found = [(median_of(entry, key), entry) for entry in document["contestants"].values()
             if median_of(entry, key) is not None]
    found.sort(key=lambda pair: pair[0], reverse=FIGURES[key].more_is_better)
    colour = {"ours": OURS, "rival": RIVAL, "floor": FLOOR}
    rows = [(at, value, int(colour[entry["kind"]][1:], 16), f'"{value:,.0f}"', f'"{entry["title"]}"')
            for at, (value, entry) in enumerate(found, 1)]
    return settings(out, name, f"760,{110 + 34 * len(rows)}") + block("bars", rows) + f"""set title "{title}"
set xlabel "{head}"
set grid xtics linetype 1 linecolor rgb "{GRID}"
set xrange [0:{1.12 * max([row[1] for row in rows], default=1)}]
set yrange [{len(rows)}.6:0.4]
set lmargin at screen 0.29
set rmargin at screen 0.97
unset key
plot $bars using 2:1:(0):2:($1-0.34):($1+0.34):3:ytic(5) with boxxyerror linecolor rgb variable, \\
     '' using 2:1:4 with labels left offset 0.6,0 textcolor rgb "{TEXT}"
"""


def line_of(entry, keys):
    return [(x, median_of(entry, key)) for x, key in keys if median_of(entry, key) is not None]


def lines(document, out, name):
    """Connections per second over concurrency, and over the number of held connections."""
    at_once = [(n, f"connections_per_s_at_{n}") for n in sorted(CONCURRENCIES + MORE_CONCURRENCIES)]
    shown = [(contestant, entry, line_of(entry, at_once)) for contestant, entry in document["contestants"].items()
             if contestant in LINES and line_of(entry, at_once)]
    script = settings(out, name, "760,660")
    for contestant, _, points in shown:
        script += block(contestant.replace("-", "_"), points)
    ours = document["contestants"]["tcpserver"]
    script += block("held", line_of(ours, [(n, f"connections_per_s_with_{n}_held") for n in MORE_HELD]))
    style = "with linespoints linewidth 2 pointtype 7 pointsize 0.6"
    at_once_plots = ", ".join(f'${contestant.replace("-", "_")} using 1:2 {style} linecolor rgb "{LINES[contestant]}" '
                              f'title "{entry["title"]}"' for contestant, entry, _ in shown)
    return script + f"""set multiplot
set grid ytics linetype 1 linecolor rgb "{GRID}"
set lmargin at screen 0.10
set rmargin at screen 0.97
set yrange [0:*]
set title "Connections per second, by concurrency"
set logscale x 2
set xrange [0.9:1150]
set xtics ({", ".join(str(n) for n, _ in at_once)})
set tmargin at screen 0.95
set bmargin at screen 0.63
set key at screen 0.54,0.57 center top maxrows 3 samplen 1.5
plot {at_once_plots}
unset logscale x
set xrange [-200:10300]
set xtics ({", ".join(str(n) for n in MORE_HELD)})
set title "tcpserver: connections per second, concurrency 64, beside held connections"
set tmargin at screen 0.37
set bmargin at screen 0.08
unset key
plot $held using 1:2 {style} linecolor rgb "{OURS}"
unset multiplot
"""


def draw(document, out):
    for script in (bars(document, "connections_per_s_at_64", "Connections per second, concurrency 64", "more is better",
                        out, "rate"),
                   bars(document, "memory_kib_per_held_connection",
                        "KiB of memory per held connection, including the kernel's", "less is better", out, "memory"),
                   lines(document, out, "lines")):
        subprocess.run(["gnuplot"], input=script, text=True, check=True, timeout=DEADLINE)
