#!/bin/bash
# podman, as root, without a network: the same operations on runc and on us.
. tests/engines/lib.sh podman conmon

stop_engine() { for runtime in runc runsc; do e rm -af -t 0; e pod rm -af; done; umount "$work/root/overlay"; }
as=
storage="--root $work/root --runroot $work/run --tmpdir $work/tmp"
base=100000
. "$top/tests/engines/podman_ops.sh"
compare
