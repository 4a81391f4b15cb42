#!/bin/bash
# The validation programs of opencontainers/runtime-tools on runc, on crun and on us.
#
# Debian packages their source, and what it takes to build it but for one Go package of sixty
# lines, for which oci/tap.go stands in. What is built stays in build/oci. A program passes
# where it ends with 0 and no assertion of it failed; some race with the container's end, so one
# that failed runs once more. 42 of the 58 can pass on a host without the controllers blkio,
# hugetlb and net_cls, the files of v1 that Linux has given up (memory.kmem), and AppArmor.
#
#   RUNTIMES="runsc"   narrower;  T=regex   only these programs
. tests/engines/lib.sh crun golang-go dpkg-dev golang-github-opencontainers-runtime-tools-dev \
    golang-github-google-uuid-dev

kept=$top/build/oci
source=$kept/src/github.com/opencontainers/runtime-tools
mkdir -p "$kept/lists/partial"

# The suite of this host first; mirrors have been seen without the file that their list names.
fetch() {
    local suite options
    . /etc/os-release
    for suite in "${VERSION_CODENAME:-stable}" trixie sid; do
        echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" > "$kept/sources.list"
        options="-o Dir::Etc::sourcelist=$kept/sources.list -o Dir::Etc::sourceparts=/dev/null
            -o Dir::State::lists=$kept/lists -o APT::Sandbox::User=root"
        # shellcheck disable=SC2086 # words
        (cd "$kept" && apt-get $options update && apt-get $options source --download-only \
            golang-github-opencontainers-runtime-tools) > "$kept/fetch.log" 2>&1
        ls "$kept"/*.orig.tar.* > /dev/null 2>&1 && return
    done
    return 1
}
build() {
    mkdir -p "$source" "$kept/src/github.com/mndrix/tap-go" || return
    tar -C "$source" --strip-components=1 -xf "$(ls "$kept"/*.orig.tar.* | tail -n 1)" || return
    cp "$top/tests/engines/oci/tap.go" "$kept/src/github.com/mndrix/tap-go/" || return
    export GOPATH=$kept:/usr/share/gocode GO111MODULE=off GOCACHE=$kept/cache
    (cd "$source" && mkdir -p bin &&
        nice go build -p 2 -tags "netgo osusergo" -ldflags "-extldflags -static" -o runtimetest ./cmd/runtimetest &&
        for name in validation/*/*.go; do
            name=$(basename "$(dirname "$name")")
            [ "$name" = util ] || nice go build -p 2 -o "bin/$name" "./validation/$name" || exit
        done) > "$kept/build.log" 2>&1 && touch "$kept/built"
}
ls "$kept"/*.orig.tar.* > /dev/null 2>&1 || fetch ||
    { echo "the source of runtime-tools cannot be had:"; tail -n 3 "$kept/fetch.log"; exit 77; }
[ -e "$kept/built" ] || build || { echo "runtime-tools cannot be built:"; tail -n 5 "$kept/build.log"; exit 1; }

# Each with states of its own. crun wants a v2 hierarchy to itself, or none.
for runtime in runc crun; do
    printf '#!/bin/sh\nexec %s --root %s "$@"\n' "$(command -v $runtime)" "$work/state-$runtime" > $runtime
done
printf '#!/bin/sh\nexec %s --root %s "$@"\n' "$RUNSC" "$work/state-runsc" > runsc
chmod +x runc crun runsc

try() { # try RUNTIME PROGRAM: "ok", "n of m" that failed, or "error"
    local status=0 bad all
    RUNTIME=$work/$1 timeout -k 5 60 "bin/$2" > "$work/tap" 2> "$work/err" < /dev/null || status=$?
    all=$(grep -cE '^(not )?ok ' "$work/tap")
    bad=$(grep '^not ok ' "$work/tap" | grep -vc '# TODO')
    for id in $(ls "$work/state-$1" 2> /dev/null); do "$work/$1" delete --force "$id" > /dev/null 2>&1; done
    if [ "$bad" != 0 ]; then echo "$bad of $all"; elif [ $status != 0 ]; then echo error; else echo ok; fi
}
run_all() { # run_all RUNTIME: in a mount namespace, for one program leaves its root mounted
    local name verdict
    cd "$source" || return
    if [ "$1" = crun ] && grep -q '^.* /sys/fs/cgroup/unified cgroup2 ' /proc/mounts; then
        umount /sys/fs/cgroup/unified
    fi
    for name in bin/*; do
        name=$(basename "$name")
        [[ $name =~ ${T:-.} ]] || continue
        verdict=$(try "$1" "$name")
        [ "$verdict" = ok ] || verdict=$(try "$1" "$name")
        echo "$name:$verdict"
    done > "$work/$1.result"
}
export -f try run_all
export work source
RUNTIMES=${RUNTIMES:-runc crun runsc}
for runtime in $RUNTIMES; do
    unshare -m --propagation slave bash -c "run_all $runtime"
done

passed() { grep -c ':ok$' "$work/$1.result"; }
cut -d: -f1 "${RUNTIMES##* }.result" > names
{ printf '%-34s' program; for r in $RUNTIMES; do printf '%-10s' "$r"; done; echo
  while read -r name; do
    printf '%-34s' "$name"
    for r in $RUNTIMES; do printf '%-10s' "$(grep "^$name:" "$r.result" | cut -d: -f2)"; done
    echo
  done < names; } | sed 's/ *$//'
status=0
for r in $RUNTIMES; do
    echo "$r: $(passed "$r") of $(wc -l < names)"
    [ "$(passed "$r")" -le "$(passed runsc)" ] || status=1
done
echo "oci: $(passed runsc) passed, $(($(wc -l < names) - $(passed runsc))) failed"
exit $status
