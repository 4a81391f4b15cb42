#!/bin/sh
# Sees to the Debian packages that building and testing need. Where all are there it
# does nothing, quickly; else it says what is missing and why, and installs it.
set -eu

packages='
gcc               compiles everything
libc6-dev         libc, also for static guest tests
make              runs this
libseccomp-dev    makes the seccomp filters while we are built
libjansson-dev    config.json
libslirp-dev      the network gofer without privilege
libzydis-dev      decodes call sites that are to be patched
libcriterion-dev  unit tests
'
missing=
for package in $(echo "$packages" | awk 'NF { print $1 }'); do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || :)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Missing packages:"
for package in $missing; do
    echo "$packages" | grep "^$package " | sed 's/^/    /'
done
command -v apt-get >/dev/null || { echo "This host has no apt-get: install them by hand."; exit 1; }
root=
[ "$(id -u)" = 0 ] || root=sudo
echo "Installing them with apt-get."
$root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing
