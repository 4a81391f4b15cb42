#!/bin/bash
# podman as an unprivileged user, who is made for it: the same operations on runc and on us.
#
# The mounts of this script are its own: some hosts keep /dev/net/tun, which a user's network
# needs, to root.
[ -n "${OWN_MOUNTS:-}" ] || OWN_MOUNTS=1 exec unshare -m bash "$0" "$@"
mount --make-rshared /
. tests/engines/lib.sh podman conmon uidmap slirp4netns

user=runsc-engines
useradd --no-log-init --home-dir "$work" --no-create-home --shell /bin/sh $user || exit 77
stop_engine() {
    for runtime in runc runsc; do e rm -af -t 0; e pod rm -af; done
    ps -o pid= -U $user | xargs -r kill -KILL
    sleep 0.2
    userdel $user
}
grep -q "^$user:" /etc/subuid || { echo "users get no ids to hand on here"; exit 77; }
chown $user: "$work" && mkdir bin && cp "$(dirname "$RUNSC")"/runsc* bin/ || exit 2
RUNSC=$work/bin/runsc
install -d -m 700 -o $user "$work/xdg"
mknod -m 666 tun c 10 200 && mount --bind tun /dev/net/tun

as="runuser -u $user -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=$work XDG_RUNTIME_DIR=$work/xdg CONTAINERS_CONF=$work/containers.conf"
storage="--root $work/root --runroot $work/run --tmpdir $work/tmp"
base=1
. "$top/tests/engines/podman_ops.sh"
compare
