#!/bin/sh
# sandbox.sh [FLAGS] -- COMMAND: runs COMMAND in a sandbox on the platform $P. Where
# RUNSC is "native" it runs on the host instead, without the flags: so a test is first
# seen to be right.
set -u
if [ "$RUNSC" = native ]; then
    while [ "$1" != -- ]; do shift; done
    shift
    exec "$@"
fi
exec "$RUNSC" do --platform="$P" "$@"
