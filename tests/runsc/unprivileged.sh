# time-limit: 240
# The same for an unprivileged user: who runs runsc needs nothing but user namespaces.
. tests/runsc/lib.sh
need setpriv unshare
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all"
    $as true 2> /dev/null || as="setpriv --reuid=65534 --regid=65534 --clear-groups"
    mkdir home && chown 65534:65534 home
else
    as=
    mkdir home
fi
$as unshare -U true 2> /dev/null || skip "this host has no user namespaces for unprivileged users"
me=$($as id -u)
cd home || exit 2
user() { $as "$RUNSC" do --platform="$P" "$@"; }

is "the caller" "$me" user -- id -u
ends "doctor" 0 $as "$RUNSC" doctor
is "not root inside" "0000000000000000" user -- awk '/CapEff/ { print $2 }' /proc/self/status
is "root inside, by --user" "0" user --user 0 -- id -u
is "--user 0 can write where root can" "done" user --user 0 -- sh -c 'echo x > /etc/passwd && cat /etc/passwd > /dev/null && echo done'
is "the current directory" "x" user -- sh -c 'echo x > f && cat f'
[ -e f ] && fail "it was written through"
is "--rw" "through" user --rw . -C "$work/home" -- sh -c 'echo through > f && cat f'
[ "$(cat f)" = through ] && [ "$(stat -c %u f)" = "$me" ] || fail "--rw: $(ls -l f)"
is "what the user may not read on the host" "refused" user -- sh -c 'cat /etc/shadow 2> /dev/null || echo refused'
is "nor as root inside" "refused" user --user 0 -- sh -c 'cat /etc/shadow 2> /dev/null || echo refused'
is "pipes and children" "5050" user -- bash -c 'seq 100 | while read -r i; do (echo $i); done | paste -sd+ | bc'
is "python3 with threads" "ok" user -- /usr/bin/python3 -c 'import threading, subprocess
t = threading.Thread(target=lambda: subprocess.run(["echo", "ok"])); t.start(); t.join()'
ends "--timeout" 124 user --timeout=1s -- sleep 100
ends "--mem" 137 user --mem=64m -- /usr/bin/python3 -c 'l = []
while True: l.append(bytearray(1 << 20))'
gone 1 "the user's sandboxes"
