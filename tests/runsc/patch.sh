# Call sites that are replaced by jumps, on a platform that does that: what is said of them, that
# nothing watched is missed, and how to do without. Elsewhere the same commands change nothing.
. tests/runsc/lib.sh

busy='for (1 .. 500) { getppid() } syscall(102) for 1 .. 300; print "done\n"'
box --summary -- perl -e "$busy" > out 2> summary
[ "$(cat out)" = "done" ] || fail "a busy program: $(cat out)"
count() { awk -v call="$1" '$5 == call { print $1 }' summary; }
[ "$(count getppid)" = 500 ] || fail "--summary misses calls of getppid: $(count getppid) of 500"
[ "$(count getuid)" -ge 300 ] || fail "--summary misses calls of getuid: $(count getuid) of 300"

replaced() { sed -n 's/.* calls trapped; \([0-9]*\) call sites replaced.*/\1/p' "$1"; }
if [ "$P" = systrap ]; then
    [ "$(replaced summary)" -ge 2 ] || fail "no call site was replaced: $(cat summary)"
else
    [ -z "$(replaced summary)" ] || fail "--summary speaks of call sites: $(cat summary)"
fi
box --systrap=no-patch --summary -- perl -e "$busy" > out 2> summary
[ "$(cat out)" = "done" ] || fail "--systrap=no-patch: $(cat out)"
[ -z "$(replaced summary)" ] || fail "--systrap=no-patch replaces call sites: $(cat summary)"
[ "$(count getppid)" = 500 ] || fail "--systrap=no-patch misses calls of getppid: $(count getppid) of 500"

box --strace=getppid --strace-out=trace -- perl -e "$busy" > out
[ "$(grep -c 'getppid()' trace)" = 500 ] || fail "--strace misses calls: $(grep -c 'getppid()' trace) of 500"

# The next program starts with what the one before has shown; what it reads of itself through the
# kernel is what its file has, and no mapping of ours is listed.
same="for n in 1 2 3; do perl -e '$busy'; done; grep -c '^000[67]' /proc/self/maps; true"
is "programs one after the other" "done
done
done
0" box -- sh -c "$same"

# Who is locked up in a user namespace must not change the code of others by what he calls.
shared() { sed -n 's/.* replaced, and \([0-9]*\) times for a new program.*/\1/p' "$1"; }
if [ "$P" = systrap ]; then
    box --summary -- sh -c "$same" > out 2> summary
    [ "$(shared summary)" -ge 1 ] || fail "programs share no call sites: $(cat summary)"
    box --summary -- unshare -Ur sh -c "$same" > out 2> summary
    [ "$(replaced summary)" -ge 2 ] || fail "no call site was replaced: $(cat summary)"
    [ "$(shared summary)" = 0 ] || fail "programs of a user namespace share call sites: $(cat summary)"
fi
check='use strict; open(my $maps, "<", "/proc/self/maps"); open(my $mem, "<:raw", "/proc/self/mem");
getppid() for 1 .. 500;
while (<$maps>) {
    next unless m{^([0-9a-f]+)-([0-9a-f]+) r-xp ([0-9a-f]+) \S+ \d+ +(/\S*/libc\.so\S*)};
    my ($size, $there, $file) = (hex($2) - hex($1));
    sysseek($mem, hex($1), 0); sysread($mem, $there, $size);
    open(my $lib, "<:raw", $4); sysseek($lib, hex($3), 0); sysread($lib, $file, $size);
    print length($there) && substr($there, 0, length($file)) eq $file ? "same\n" : "differs\n";
}'
is "/proc/self/mem has the original" "same" box -- perl -e "$check"
