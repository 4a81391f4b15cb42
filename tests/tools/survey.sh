#!/bin/sh
# What to read again: long files, long functions, much-included headers, loose ends.
# Informs only; nothing fails.
cd "$(dirname "$0")/../.." || exit 2
sources() { git ls-files -co --exclude-standard '*.[ch]' | grep -v '^tests/'; }

echo "== lines by folder"
sources | xargs wc -l | awk '$2 != "total" { n = split($2, p, "/"); d = n > 2 ? p[1] "/" p[2] : p[1]; s[d] += $1; all += $1 }
    END { for (d in s) printf "%7d %s\n", s[d], d; printf "%7d all\n", all }' | sort -rn
echo "== files over 500 lines"
sources | xargs wc -l | awk '$1 > 500 && $2 != "total"' | sort -rn
echo "== functions over 50 lines"
if command -v ctags >/dev/null && ctags --version | grep -q Universal; then
    sources | grep '\.c$' | xargs ctags -x --c-kinds=f --_xformat='%{end} %{line} %{name} %{input}' |
        awk '$1 - $2 >= 50 { printf "%7d %s (%s:%d)\n", $1 - $2 + 1, $3, $4, $2 }' | sort -rn | head -20
else
    echo "(needs universal-ctags)"
fi
echo "== headers that most files include"
sources | xargs grep -h '^#include "' | sort | uniq -c | sort -rn | head -10
echo "== loose ends"
sources | xargs grep -nE 'TODO|FIXME|XXX' || echo "none"
