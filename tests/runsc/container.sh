# time-limit: 240
# Inside an unprivileged container, made by unshare and by bubblewrap, as root and as a user of it.
. tests/runsc/lib.sh
need setpriv unshare
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
    mkdir home && chown 65534:65534 home
else
    as=
    mkdir home
fi
$as unshare -Ur true 2> /dev/null || skip "this host has no user namespaces for unprivileged users"
cd home || exit 2

battery() { # battery NAME COMMAND…: the command runs what follows it in a container
    local name=$1; shift
    is "$name: true" "" "$@" "$RUNSC" do --platform="$P" -- true
    is "$name: a pipeline" "500500" "$@" "$RUNSC" do --platform="$P" -- bash -c 'seq 1000 | paste -sd+ | bc'
    is "$name: files" "x" "$@" "$RUNSC" do --platform="$P" -- sh -c 'echo x > f && cp f g && cat g'
    is "$name: --rw" "y" "$@" "$RUNSC" do --platform="$P" --rw . -C "$work/home" -- sh -c 'echo y > f && cat f'
    [ "$(cat f)" = y ] || fail "$name: --rw did not write through"
    ends "$name: status" 42 "$@" "$RUNSC" do --platform="$P" -- sh -c 'exit 42'
    ends "$name: --timeout" 124 "$@" "$RUNSC" do --platform="$P" --timeout=1s -- sleep 100
    ends "$name: doctor" 0 "$@" "$RUNSC" doctor
    gone 1 "$name"
}
battery "unshare -Urm" $as unshare -Urm
battery "unshare -Urmp with its own /proc" $as unshare -Urmpf --mount-proc
battery "unshare -U, no id mapped" $as unshare -Urm setpriv --no-new-privs
bwrap=$(command -v bwrap || ls "$top"/build/bench/bubblewrap/usr/bin/bwrap 2> /dev/null)
if [ -n "$bwrap" ]; then
    battery "bubblewrap" $as "$bwrap" --dev-bind / / --unshare-all --die-with-parent --proc /proc
    battery "bubblewrap, a user" $as "$bwrap" --dev-bind / / --unshare-user --unshare-pid --proc /proc --uid 1000 --gid 1000
else
    echo "bubblewrap is not installed: not tried" >&2
fi
is "a sandbox in a sandbox is refused or works, but does not hang" "over" sh -c 'timeout 30 "$1" do --platform="$2" -- "$1" do -- true > /dev/null 2>&1; [ $? != 124 ] && echo over' sh "$RUNSC" "$P"
