# time-limit: 300
# tar of 20,000 files: made, packed, unpacked and compared inside; and packed by the host, too.
. tests/programs/lib.sh
need tar gzip
n=20000

is "create, extract, compare" "$n
same
same archive" sandbox -- sh -c '
    cd "$(mktemp -d)" && mkdir a && cd a || exit 1
    i=0; while [ $i -lt 100 ]; do mkdir d$i; i=$((i + 1)); done
    seq -w '$n' | awk "{ f = \"d\" (NR % 100) \"/f\" \$1; printf \"%s of %d\\n\", f, NR > f; close(f) }"
    cd .. && tar cf a.tar a && mkdir x && tar xf a.tar -C x &&
    find x -type f | wc -l && diff -r a x/a && tar df a.tar && echo same
    tar cf - a | cmp - a.tar && echo same archive'

mkdir host && (cd host && mkdir d && seq -w 2000 | awk '{ f = "d/" $1; print > f; close(f) }' &&
    ln -s d/0001 link && ln d/0001 hard && mkfifo fifo && touch -d @123456789 old && chmod 4711 old &&
    printf '%0200d' 0 | xargs -I N touch d/N)
tar czf host.tar.gz host
is "an archive of the host" "same" sandbox -- sh -c 'cd "$(mktemp -d)" && tar xpzf "$1/host.tar.gz" && tar dzf "$1/host.tar.gz" && echo same' sh "$work"
is "the host's files, packed inside" "same" sh -c 'sh "$1" --ro "$2" -- tar cf - -C "$2" host | tar df - -C "$2" && echo same' sh "$top/tests/tools/sandbox.sh" "$work"
