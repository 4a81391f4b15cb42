#!/bin/sh
# Whether each header of the folders given compiles alone.
cd "$(dirname "$0")/../.." || exit 2
find "$@" -name '*.h' | {
    bad=0
    while read -r header; do
        echo "#include \"$header\"" |
            gcc -std=gnu17 -Wall -Wextra -Werror -I. -D_GNU_SOURCE -DDEBUG=1 -fsyntax-only -x c - || bad=1
        grep -q '^#pragma once' "$header" || { echo "$header: no #pragma once"; bad=1; }
    done
    exit $bad
}
