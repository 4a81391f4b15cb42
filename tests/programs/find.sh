# time-limit: 300
# find / -xdev sees in the sandbox what it sees on the host.
. tests/programs/lib.sh
need find

# What differs by design: file systems of ours over the host's directories. What runs
# meanwhile may make and remove files, so a host's list before and after brackets ours.
list() { echo "cd / && find . -xdev \( -path './proc' -o -path './sys' -o -path './dev' -o -path './tmp' -o -path './run' -o -path './var' -o -path .$top -o -path .$work \) -prune -o -print | sort"; }
if [ "${LONG:-0}" = 1 ]; then in=/; else in=/usr/share; fi
[ $in = / ] || list() { echo "find /usr/share /etc -xdev | sort"; }

sh -c "$(list)" > before 2> before.err
run sandbox -- sh -c "$(list)"
cp .out inside
sh -c "$(list)" > after 2> after.err
[ $status = 0 ] || fail "find ends with $status: $(head -3 .err)"
comm -12 before after > both
[ -s both ] || fail "the host's list is empty"
comm -23 both inside > missing
sort -u before after | comm -13 - inside > more
[ -s missing ] && { fail "$(wc -l < missing) of $(wc -l < both) are missing:"; shown missing; }
[ -s more ] && { fail "$(wc -l < more) are not the host's:"; shown more; }

# The whole root, each directory once, without an error and in finite time.
is "find / -xdev comes to an end" "ended" sandbox -- sh -c 'timeout 250 find / -xdev -maxdepth 3 > /dev/null 2> err
    [ $? != 124 ] && ! grep -v "Permission denied" err && echo ended'
is "and crosses into the file systems of ours" "yes" sandbox -- sh -c '
    l=$(mktemp) e=$(mktemp); find /proc /sys /dev -maxdepth 2 > $l 2> $e; [ "$(wc -l < $l)" -gt 100 ] && ! [ -s $e ] && echo yes || cat $e'
