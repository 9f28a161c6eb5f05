"""The README's pictures of what is kept, drawn by gnuplot in the colours of GitHub's light and dark pages."""

import subprocess

from measures import CONCURRENCIES, IN_THE_PICTURE, MORE_CONCURRENCIES, MORE_HELD
from results import FIGURES, median_of

THEMES = {"light": ("#1f2328", "#ffffff", "#d1d9e0"), "dark": ("#f0f6fc", "#0d1117", "#3d444d")}  # text, ground, grid
# Told apart by everybody (Okabe and Ito).
OURS, RIVAL, FLOOR = "#d55e00", "#56b4e9", "#999999"
LINES = dict(zip(IN_THE_PICTURE, ("#d55e00", "#0072b2", "#56b4e9", "#009e73", "#999999")))
DEADLINE = 60  # seconds for gnuplot, which takes one


def settings(out, theme, name, size):
    text, ground, _ = THEMES[theme]
    return f"""set terminal svg size {size} name "{name}" dynamic font "sans-serif,14" background rgb "{ground}"
set output "{out}/{name}-{theme}.svg"
set border 1 linecolor rgb "{text}"
set tics textcolor rgb "{text}" nomirror scale 0
set title textcolor rgb "{text}" offset 0,-0.6
set xlabel textcolor rgb "{text}" offset 0,0.4
set key textcolor rgb "{text}"
set style fill solid 1 noborder
set decimalsign "."
"""


def block(name, rows):
    """Data in the script itself, so that nothing else has to be kept."""
    return f"${name} << END\n" + "".join(" ".join(map(str, row)) + "\n" for row in rows) + "END\n"


def bars(document, key, title, head, theme, out, name):
    """A bar a contestant, the best above."""
    found = [(median_of(entry, key), entry) for entry in document["contestants"].values()
             if median_of(entry, key) is not None]
    found.sort(key=lambda pair: pair[0], reverse=FIGURES[key].more_is_better)
    colour = {"ours": OURS, "rival": RIVAL, "floor": FLOOR}
    rows = [(at, value, int(colour[entry["kind"]][1:], 16), f'"{value:,.0f}"', f'"{entry["title"]}"')
            for at, (value, entry) in enumerate(found, 1)]
    text, _, grid = THEMES[theme]
    return settings(out, theme, name, f"760,{110 + 34 * len(rows)}") + block("bars", rows) + f"""set title "{title}"
set xlabel "{head}"
set grid xtics linetype 1 linecolor rgb "{grid}"
set xrange [0:{1.12 * max([row[1] for row in rows], default=1)}]
set yrange [{len(rows)}.6:0.4]
set lmargin at screen 0.29
set rmargin at screen 0.97
unset key
plot $bars using 2:1:(0):2:($1-0.34):($1+0.34):3:ytic(5) with boxxyerror linecolor rgb variable, \\
     '' using 2:1:4 with labels left offset 0.6,0 textcolor rgb "{text}"
"""


def line_of(entry, keys):
    return [(x, median_of(entry, key)) for x, key in keys if median_of(entry, key) is not None]


def lines(document, theme, out, name):
    """The rate as more come at the same time, and as more are held beside those that come."""
    text, _, grid = THEMES[theme]
    at_once = [(n, f"connections_per_s_at_{n}") for n in sorted(CONCURRENCIES + MORE_CONCURRENCIES)]
    shown = [(contestant, entry, line_of(entry, at_once)) for contestant, entry in document["contestants"].items()
             if contestant in LINES and line_of(entry, at_once)]
    script = settings(out, theme, name, "760,640")
    for contestant, _, points in shown:
        script += block(contestant.replace("-", "_"), points)
    ours = document["contestants"]["tcpserver"]
    script += block("held", line_of(ours, [(n, f"connections_per_s_with_{n}_held") for n in MORE_HELD]))
    style = "with linespoints linewidth 2 pointtype 7 pointsize 0.6"
    at_once_plots = ", ".join(f'${contestant.replace("-", "_")} using 1:2 {style} linecolor rgb "{LINES[contestant]}" '
                              f'title "{entry["title"]}"' for contestant, entry, _ in shown)
    return script + f"""set multiplot
set grid ytics linetype 1 linecolor rgb "{grid}"
set lmargin at screen 0.10
set rmargin at screen 0.97
set yrange [0:*]
set title "Connections a second, so many at a time"
set logscale x 2
set xrange [0.9:1150]
set xtics ({", ".join(str(n) for n, _ in at_once)})
set tmargin at screen 0.95
set bmargin at screen 0.62
set key at screen 0.97,0.50 right top maxrows 2 width 1 samplen 1.5
plot {at_once_plots}
unset logscale x
set xrange [-200:10300]
set xtics ({", ".join(str(n) for n in MORE_HELD)})
set title "tcpserver: connections a second, 64 at a time, while so many others are held"
set tmargin at screen 0.38
set bmargin at screen 0.08
unset key
plot $held using 1:2 {style} linecolor rgb "{OURS}"
unset multiplot
"""


def draw(document, out):
    for theme in THEMES:
        pictures = (
            bars(document, "connections_per_s_at_64", "Connections a second, 64 at a time", "more is better", theme, out,
                 "rate"),
            bars(document, "memory_kib_per_held_connection", "KiB of memory a held connection, the kernel's included",
                 "less is better", theme, out, "memory"),
            lines(document, theme, out, "lines"))
        for script in pictures:
            subprocess.run(["gnuplot"], input=script, text=True, check=True, timeout=DEADLINE)
