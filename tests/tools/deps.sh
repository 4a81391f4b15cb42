#!/bin/sh
# deps.sh [test|bench]: sees to the Debian packages that building needs, with "test" to those
# that tests run in the sandbox, with "bench" to those that are measured there or beside us. Where all are there it does nothing, quickly; else it says
# what is missing and why, and installs it. A test whose program is missing is skipped, so
# those that cannot be installed are no failure.
set -eu

build='
gcc               compiles everything
libc6-dev         libc, also for static guest tests
make              runs this
libseccomp-dev    makes the seccomp filters while we are built
libjansson-dev    config.json
libsystemd-dev    scopes, where systemd has the cgroups
libbpf-dev        rules for devices, where cgroups are v2
libslirp-dev      the network gofer without privilege
libzydis-dev      decodes call sites that are to be patched
libcriterion-dev  unit tests
'
test='
bash              scripts with job control
bc                ends their pipelines
bubblewrap        a container to run in
bsdutils          script(1)
busybox-static    a whole system in one static program
g++               builds a program with exceptions
git               works on repositories
jq                reads and changes what is JSON
libcap2-bin       capsh
musl-tools        another libc
perl              runs a program
procps            ps, which reads /proc
python3           runs programs, and types at terminals
sqlite3           has one database with many writers
tmux              has terminals of its own
util-linux        setpriv, unshare
vim               draws on a terminal
'
bench='
bash              runs a loop of commands
bubblewrap        starts beside us
crun              starts beside us
busybox-static    the root of containers that are measured
findutils         walks a tree
git               clones and looks through one
gnuplot-nox       draws what was measured
python3           measures
runc              starts beside us
'

lines() {
    echo "$build"
    case ${1:-} in
    test) echo "$test" ;;
    bench) echo "$bench" ;;
    esac
}
missing() {
    for package in $(lines "$@" | awk 'NF { print $1 }'); do
        status=$(dpkg-query -W -f '${Status}' "$package" 2> /dev/null || :)
        [ "$status" = "install ok installed" ] || printf ' %s' "$package"
    done
}
install() {
    # shellcheck disable=SC2086 # words
    DEBIAN_FRONTEND=noninteractive $root apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@"
}

all=$(missing "$@")
[ -n "$all" ] || exit 0
needed=$(missing)
echo "Missing packages:"
for package in $all; do
    lines "$@" | grep "^$package " | sed 's/^/    /'
done
if ! command -v apt-get > /dev/null; then
    echo "This host has no apt-get: install them by hand."
    [ -z "$needed" ] && exit 0
    exit 1
fi
root=
if [ "$(id -u)" != 0 ]; then
    root=sudo
    if ! command -v sudo > /dev/null; then
        echo "Only root can install them, and there is no sudo here."
        [ -z "$needed" ] && exit 0
        exit 1
    fi
fi
echo "Installing them with apt-get${root:+, as root}."
# A host that has just started may be updating itself: it has the lists then, and dpkg's lock.
update() { $root apt-get update -qq; }
update || { sleep 30; update; } || echo "apt-get update failed; trying with the lists that are here."
# shellcheck disable=SC2086 # a list
if ! install $all; then
    # One that cannot be had must not keep the others away.
    for package in $all; do
        install "$package" && continue
        case " $needed " in *" $package "*) exit 1 ;; esac
        echo "Without $package; what needs it is skipped."
    done
fi
