#!/bin/sh
# Shows a real program in the sandbox, beside the same program on the host.
set -eu
cd "$(dirname "$0")/../.."
runsc=${RUNSC:-build/release/bin/runsc}

if [ ! -x "$runsc" ]; then
    echo "runsc is not built: there is no runsc/main.c yet" >&2
    exit 1
fi
echo "On the host:    $(uname -sr)"
echo "In the sandbox: $("$runsc" do -- uname -sr)"
