# time-limit: 120
# Containers and the cgroups of others: nobody is limited, or killed, who was there before. On the
# host's cgroups as they are, and then where there is nothing but v2, mounted in two places.
if [ "${1:-}" = v2 ]; then # in a mount namespace of our own
    umount -lR /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup && mount -t cgroup2 none /mnt || exit 77
fi
. tests/runsc/oci/lib.sh
[ "$(id -u)" = 0 ] || skip "only root has cgroups"
place=/runsc-test-$$
at() { echo ".linux.cgroupsPath=\"$1\""; }
bundle a "$(args sh -c 'trap "exit 5" TERM; while :; do sleep 0.05; done') | $(at $place/a)"
rs run -d --bundle a one > out 2>&1 < /dev/null || fail "run in $place/a: $(cat out)"
[ "$(jq '.cgroups | length' state/one/state.json)" -gt 0 ] || { rs delete --force one; skip "no cgroups that we may write"; }

for path in $place/a $place//a/. $place; do
    bundle b "$(args /no/such) | $(at $path)"
    says "a create in $path, where others are" "cgroup is not empty: [1-9][0-9]* process" rs create --bundle b two
    status_is "after that, who was there" running one
    says "there is none" "does not exist" rs state two
done
bundle b "$(args /no/such) | $(at $place/b)"
says "beside it, a program that is not there" "no such file" rs run --bundle b two
status_is "after that, who was there" running one

if rs pause one 2> out; then
    status_is "paused" paused one
    ends "resume" 0 rs resume one
    status_is "resumed" running one
elif [ "${1:-}" = v2 ]; then
    fail "pause: $(cat out)"
fi
is "what it sees" "$cgroups" rs exec one sh -c 'awk "\$3 ~ /^cgroup/ { n++; type = \$3 } END { print n, type }" /proc/mounts'
ends "delete" 0 rs delete --force one
ends "its place is free again" 0 rs run -d --bundle a one > /dev/null 2>&1 < /dev/null
ends "delete" 0 rs delete --force one
[ -z "$(find /sys/fs/cgroup -type d -path "*$place/*")" ] || fail "left: $(find /sys/fs/cgroup -type d -path "*$place*")"
find /sys/fs/cgroup -depth -type d -path "*$place" -exec rmdir {} +

if [ "${1:-}" != v2 ] && unshare -m true 2> /dev/null; then
    (cd "$top" && unshare -m sh tests/runsc/oci/cgroups.sh v2) > out 2>&1
    case $? in 0 | 77) ;; *) fail "with v2 alone:"; shown out ;; esac
fi
gone 2 "cgroups"
