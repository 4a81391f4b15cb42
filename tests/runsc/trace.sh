# What a sandbox tells about itself: --strace and its sets, --strace-out, --summary, --timing, --log.
. tests/runsc/lib.sh
true=/bin/true

says "--strace prints calls" 'execve\("?.*true' box --strace -- "$true"
says "and how each ended" 'exit_group\(0\)' box --strace -- "$true"
says "errors by name" 'ENOENT' box --strace=openat,open,access,stat,newfstatat,statx -- cat /no/such
is "the command's output is not mixed in" "out" sh -c '"$1" do --platform="$2" --strace -- echo out 2>/dev/null' sh "$RUNSC" "$P"

box --strace=openat -- cat /etc/passwd > /dev/null 2> set
grep -q 'openat(.*/etc/passwd' set || fail "--strace=openat shows no openat"
! grep -E '^[^"]*\b(read|write|close|mmap)\(' set || fail "--strace=openat shows more"
box --strace=%file -- cat /etc/passwd > /dev/null 2> set
grep -q 'openat(.*/etc/passwd' set && ! grep -qE '\b(mmap|brk)\(' set || fail "--strace=%file: $(cut -d '(' -f 1 set | sort | uniq -c)"
box --strace=%process -- sh -c 'true & wait' 2> set
grep -qE '\b(clone3?|fork|vfork)\(' set && ! grep -qE '\bopenat\(' set || fail "--strace=%process: $(cut -d '(' -f 1 set | sort | uniq -c)"
box '--strace=!mmap,openat' -- "$true" 2> set
grep -q 'execve(' set && ! grep -qE '\b(mmap|openat)\(' set || fail "--strace=!mmap,openat: $(cut -d '(' -f 1 set | sort | uniq -c)"
refused "an unknown name in a set" "nosuchcall" do --strace=nosuchcall -- true
refused "an unknown class" "%nosuch" do --strace=%nosuch -- true

is "--strace-out alone traces" "" sh -c '"$1" do --platform="$2" --strace-out=trace -- true 2>&1' sh "$RUNSC" "$P"
grep -q 'execve(' trace || fail "--strace-out: the file has no execve"
is "it holds what all processes did" "" sh -c '"$1" do --platform="$2" --strace-out trace --strace=write -- sh -c "echo 1 | cat > /dev/null; (echo 2 > /dev/null)" 2>&1' sh "$RUNSC" "$P"
grep -q '"1\\n"' trace && grep -q '"2\\n"' trace || fail "--strace-out misses a process: $(cat trace)"
refused "a file that cannot be made" "No such file" do --strace-out=/no/such/dir/f -- true

box --summary -- sh -c 'cat /no/such; cat /etc/passwd > /dev/null' 2> summary
grep -qE '\bopenat\b' summary && grep -qE 'ENOENT' summary || fail "--summary: $(cat summary)"
box --summary -- perl -e 'syscall(999, 0); syscall(321, 0, 0, 0);' 2> summary
grep -qE '\bbpf\b' summary && grep -q '999' summary || fail "--summary does not name what was missing: $(cat summary)"
box -- "$true" 2> quiet
[ -s quiet ] && fail "a run that asks for nothing prints: $(cat quiet)"

says "--timing" '^runsc: +[0-9]+\.[0-9]+ ms  ' box --timing -- true
box --timing -- true 2> timing
awk '{ if ($2 + 0 < last + 0) exit 1; last = $2 } END { exit NR < 3 }' timing || fail "--timing is not a rising list: $(cat timing)"
for level in error warn info debug; do
    ends "--log $level" 0 box --log $level -- true
done
refused "no such level" "not \"loud\"" do --log loud -- true
