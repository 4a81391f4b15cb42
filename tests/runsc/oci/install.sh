# install and uninstall: what engines' files become, once and twice, and what is left.
. tests/runsc/lib.sh
need jq

mkdir -p etc/docker etc/containers etc/containerd
echo '{ "debug": true, "runtimes": { "other": { "path": "/x" } } }' > etc/docker/daemon.json
printf 'version = 2\nroot = "/var"' > etc/containerd/config.toml
cp -r etc before
says "it shows what it changes" '^\+.*BinaryName' "$RUNSC" install --etc "$work/etc"
is "docker has it, and what it had" "$RUNSC /x true" jq -r '.runtimes.runsc.path + " " + .runtimes.other.path + " " + (.debug | tostring)' etc/docker/daemon.json
grep -q "^runsc = \\[\"$RUNSC\"\\]" etc/containers/containers.conf.d/runsc.conf || fail "podman has $(cat etc/containers/containers.conf.d/runsc.conf)"
grep -q '^root = "/var"$' etc/containerd/config.toml || fail "containerd lost something: $(cat etc/containerd/config.toml)"
cmp before/docker/daemon.json etc/docker/daemon.json.runsc-old || fail "the old file is not kept"
cp -r etc once
ends "again" 0 "$RUNSC" install --etc "$work/etc"
diff -r once etc || fail "the second time changed something"
[ "$(grep -c 'already so' .out)" = 3 ] || fail "it does not say so: $(cat .out)"
ends "uninstall" 0 "$RUNSC" uninstall --etc "$work/etc"
is "docker has what it had" "null /x" jq -r '(.runtimes.runsc | tostring) + " " + .runtimes.other.path' etc/docker/daemon.json
[ ! -e etc/containers/containers.conf.d/runsc.conf ] || fail "podman still has it"
[ "$(cat etc/containerd/config.toml)" = "$(cat before/containerd/config.toml)" ] || fail "containerd has $(cat etc/containerd/config.toml)"
ends "uninstall again" 0 "$RUNSC" uninstall --etc "$work/etc"
mkdir none
says "no engine" "none of docker" "$RUNSC" install --etc "$work/none"
ends "one that is to come" 0 "$RUNSC" install --etc "$work/none" --engine docker
is "is prepared" "$RUNSC" jq -r .runtimes.runsc.path none/docker/daemon.json
ends "and not" 0 "$RUNSC" uninstall --etc "$work/none"
[ ! -e none/docker/daemon.json ] || fail "left: $(cat none/docker/daemon.json)"
echo '{' > etc/docker/daemon.json
says "a file that is none" "daemon.json: line" "$RUNSC" install --etc "$work/etc"
