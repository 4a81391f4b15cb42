# SPDX-License-Identifier: Apache-2.0
# Draws docs/performance.svg for bench/report, which sets data, names, rows and the output.
set terminal svg size 900, 120 + 22 * rows font "sans-serif,13" background "white"
set title "Time in ratio to native (left is faster)"
set logscale x
set xrange [*<0.5:2<*]
set yrange [rows - 0.5:-0.5]
set format x "%g"
set xtics nomirror
set grid xtics ytics linetype 1 linecolor "#dddddd"
set border 1
set key outside top right horizontal
set datafile missing "?"
set arrow from 1, graph 0 to 1, graph 1 nohead linecolor "#888888"
array color[4] = ["#d55e00", "#56b4e9", "#0072b2", "#009e73"]
plot for [i = 1:words(names)] data using (column(i + 1)):0:ytic(1) title word(names, i) \
    with points pointtype (i == 1 ? 6 : 7) pointsize 1.1 linecolor rgb color[i]
