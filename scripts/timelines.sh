#!/usr/bin/env bash
# Draws the chart of the README, timelines of an iterative and a forking server: scripts/timelines.sh [--redraw]
#   It runs both, keeps the times in scripts/timelines/*.json, and draws them with gnuplot.
#   --redraw   only draw the kept times
# Variable: OUT is another directory for times and chart.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"
data=$top/scripts/timelines
out=${OUT:-$data}

redraw=false
case "$*" in
  '') ;;
  --redraw) redraw=true ;;
  -h | --help) print_help; exit 0 ;;
  *) echo "$0: invalid arguments '$*'; the only option is --redraw" >&2; exit 64 ;;
esac
[ -d "$out" ] || { echo "$0: OUT: no such directory: $out" >&2; exit 64; }
command -v gnuplot >/dev/null || install_missing "gnuplot for the chart" gnuplot-nox
python3 -c 'import json' 2>/dev/null || install_missing "Python to read JSON" python3

begin_work
if ! $redraw; then
  build_programs tcpserver tcpclient
  data=$out
  # Five clients, the first of which holds its connection for two seconds.
  for mode in iterative fork; do
    start_server --mode $mode
    start_clients 5 --slow 1 --delay 2s --json >"$work/$mode.json"
    wait "$client"
    stop_server
    mv "$work/$mode.json" "$data"
  done
  echo "measured: $data/iterative.json and fork.json" >&2
fi

# gnuplot reads one line per client: its number, start, connected, sent, replied, and the wait as text.
for mode in iterative fork; do
  python3 - "$data/$mode.json" >"$work/$mode" <<'END'
import json, sys
for client in json.load(open(sys.argv[1]))["clients"]:
    wait = client["replied_s"] - client["started_s"]
    text = f"{wait:.2f} s" if wait >= 1 else f"{wait * 1000:.1f} ms"
    print(client["id"], client["started_s"], client["connected_s"], client["sent_s"], client["replied_s"], f'"{text}"')
END
done

# The text is readable on light and dark pages. Color-blind readers can distinguish the bars (Okabe and Ito).
text='#77808a'
gnuplot <<END
set terminal svg size 760,470 name "Timelines" dynamic font "sans-serif,14"
set output "$out/timelines.svg"
set multiplot
set border 1 linecolor rgb "$text"
set tics textcolor rgb "$text" nomirror scale 0
set title textcolor rgb "$text" offset 0,-0.6
set xlabel textcolor rgb "$text" offset 0,0.4
set grid xtics linetype 1 linecolor rgb "#a0808080"
set xrange [0:2.25]
set yrange [5.6:0.4]
set ytics ("client 1, slow" 1, "client 2" 2, "client 3" 3, "client 4" 4, "client 5" 5)
set lmargin at screen 0.15
set rmargin at screen 0.98
set style fill solid 1 noborder
unset key
# Very short bars get a visible minimum width.
end(sent, replied) = replied - sent < 0.008 ? sent + 0.008 : replied
do for [mode in "iterative fork"] {
  if (mode eq "iterative") {
    set title "--mode iterative: one client after another"
    set tmargin at screen 0.93
    set bmargin at screen 0.62
    set format x ""
  } else {
    set title "--mode fork: a process for each client"
    set format x "%g"
    set xlabel "seconds since all five were started"
    set key at screen 0.98,0.02 right bottom horizontal textcolor rgb "$text" samplen 1
    set tmargin at screen 0.53
    set bmargin at screen 0.22
  }
  plot "$work/" . mode using 3:1:3:4:(\$1-0.32):(\$1+0.32) with boxxyerror linecolor rgb "#56b4e9" title "holds its connection", \\
       '' using 4:1:4:(end(\$4,\$5)):(\$1-0.32):(\$1+0.32) with boxxyerror linecolor rgb "#d55e00" title "waits for its reply", \\
       '' using (end(\$4,\$5)):1:6 with labels left offset 0.6,0 textcolor rgb "$text" notitle
}
END
echo "drawn: $out/timelines.svg" >&2
