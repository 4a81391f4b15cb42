#!/bin/sh
# Names each #include "…" that layers.txt does not allow, and each folder that is not
# in it. Exit 1 where there is one. Tests are free to include anything.
cd "$(dirname "$0")/../.." || exit 2
{ git ls-files -co --exclude-standard '*.[chS]' '*.def' | grep -v '^tests/'; } |
    xargs grep -Hn '^ *# *include "' /dev/null |
awk -F'[:"]' '
    function home(path,    dir, best) { # the longest row that the path is in
        for (dir in may)
            if ((path == dir || index(path, dir "/") == 1) && length(dir) > length(best))
                best = dir
        return best
    }
    BEGIN {
        while ((getline row < "tests/tools/layers.txt") > 0) {
            if (row ~ /^#/ || row ~ /^ *$/)
                continue
            n = split(row, word, " ")
            for (i = 1; i <= n; i++)
                may[word[1]] = may[word[1]] " " word[i]
            may[word[1]] = may[word[1]] " "
        }
    }
    {
        from = home($1); to = home($4)
        if (from == "" || to == "")
            bad = !!sub(/^/, $1 ":" $2 ": no layer for " (from == "" ? $1 : $4) "\n", report)
        else if (index(may[from], " " to " ") == 0)
            bad = !!sub(/^/, $1 ":" $2 ": " from " may not include " to "\n", report)
    }
    END { printf "%s", report; exit bad }'
