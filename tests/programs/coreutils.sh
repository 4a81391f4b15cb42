# time-limit: 300
# coreutils on a big tree: each tool's answer is the host's.
. tests/programs/lib.sh
need find du ls md5sum
tree=/usr/include
[ "${LONG:-0}" = 1 ] && tree=/usr
[ -d $tree ] || skip "$tree is not there"

same "names and kinds" sh -c "cd $tree && find . -printf '%p %y %s %m %n %l\n' | sort | md5sum"
same "bytes" sh -c "find $tree/*linux* -type f -print0 | sort -z | xargs -0 cat | sha256sum"
same "recursive ls" sh -c "ls -lRU --time-style=+%s $tree/linux | sort | md5sum"
same "du of apparent sizes" sh -c "cd $tree && find . -type f -printf '%s\n' | awk '{ s += \$1 } END { print s }'"
same "grep -r" sh -c "grep -rl SPDX $tree/linux | sort | md5sum"
same "wc" sh -c "find $tree/asm-generic -name '*.h' | sort | xargs wc | tail -1"
same "ls sorts by time" sh -c "ls -1t $tree/asm-generic | head -5"

is "cp, diff, mv, rm of a copied tree" "same
moved
0" sandbox -- sh -c "
    cd \$(mktemp -d) && cp -a $tree/asm-generic $tree/linux . &&
    diff -r linux $tree/linux && diff -r asm-generic $tree/asm-generic && echo same
    mv linux moved && [ ! -e linux ] && diff -r moved $tree/linux && echo moved
    rm -rf moved asm-generic && find . -name '*.h' | wc -l"
is "names, links and times are kept by cp -a" "0" sandbox -- sh -c '
    cd "$(mktemp -d)" && mkdir s && cd s && touch -d @1000000000 f && ln f h && ln -s f l && mkdir -m 711 d &&
    mkfifo p && cd .. && cp -a s t &&
    (cd s && stat -c "%n %A %h %Y %s" f h d p) > 1 && (cd t && stat -c "%n %A %h %Y %s" f h d p) > 2 &&
    cmp 1 2 && echo $?'
is "text tools in a pipeline" "c 3
b 2
a 1" sandbox -- sh -c 'printf "a\nb\nb\nc\nc\nc\n" | shuf | sort | uniq -c | sort -rn | awk "{ print \$2, \$1 }"'
is "split and cat" "same" sandbox -- sh -c '
    cd "$(mktemp -d)" && head -c 3000000 /dev/urandom > r && split -b 100k r part. && cat part.* | cmp - r && echo same'
is "tee, tac, rev, nl, fold, cut, paste, join, comm, expand" "6ac54ef7113a0e32869ac1b7144cbf09" sandbox -- sh -c '
    cd "$(mktemp -d)" && seq 100 | tee a | tac > b && { rev a; nl b; fold -w 3 a; cut -c 1 a; paste a b;
    sort a > c; join c c; comm c c; expand a; od -c a; tr 0-9 a-j < b; } | md5sum | cut -c 1-32' 2>/dev/null
same "who and what we are" sh -c 'id -u; id -g; pwd; umask; nproc; getconf PAGESIZE; env true; printenv HOME; tty; arch'
same "dd with odd sizes" sh -c 'seq 100000 | dd bs=777 count=100 skip=3 iflag=fullblock status=none | md5sum'
same "factor, seq, numfmt, base64, cksum" sh -c '
    factor 1234567890; seq -s, 1 0.5 3; numfmt --to=iec 123456789; seq 1000 | base64 | cksum; seq 9 | b2sum'
same "dates" sh -c 'date -u -d @0; date -d @1700000000 +%F; TZ=Asia/Tokyo date -d @1700000000'
