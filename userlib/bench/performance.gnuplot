# SPDX-License-Identifier: MIT
# Instructions per round trip against the request's size, one panel per kernel.
# Variables: output, prefix (of the data files), kernels (a list of names).
set terminal svg size 1100, 520 dynamic background "white" font "sans,13" noenhanced
set output output
set datafile missing "?"
set datafile columnheaders
set logscale x 2
set logscale y 10
set xtics ("64 B" 64, "1 KiB" 1024, "4 KiB" 4096, "64 KiB" 65536, "1 MiB" 1048576)
set xrange [48 : 1500000]
set yrange [2000 : 1200000]
set grid
set colorsequence podo
set key top left
set xlabel "request (the answer has 64 B)"
set ylabel "instructions per round trip"
set multiplot layout 1, words(kernels)
do for [kernel in kernels] {
    file = prefix . kernel . ".dat"
    stats file using 1 nooutput
    set title "Linux " . kernel
    plot for [i = 2 : STATS_columns] file using 1:i with linespoints \
        linewidth (i == 2 ? 3 : 1) title columnheader(i)
}
unset multiplot
