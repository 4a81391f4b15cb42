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
# Files that others have made in their own way.
odd() { rm -rf odd && mkdir -p odd/docker odd/containerd && printf "$1" > odd/docker/daemon.json; } # odd WHAT DOCKER HAS
odd ' \n'
ends "an empty file" 0 "$RUNSC" install --etc "$work/odd" --engine docker
is "is one with nothing in it" "$RUNSC" jq -r .runtimes.runsc.path odd/docker/daemon.json
for text in '[1]' '{"runtimes":["x"]}'; do
    odd "$text"
    says "no object: $text" "must be an object" "$RUNSC" install --etc "$work/odd" --engine docker
    [ "$(cat odd/docker/daemon.json)" = "$text" ] || fail "$text became $(cat odd/docker/daemon.json)"
done
odd '{"runtimes":{"runsc":{"path":"/another"}}}'
ends "another of our name" 0 "$RUNSC" uninstall --etc "$work/odd" --engine docker
is "stays" "/another" jq -r .runtimes.runsc.path odd/docker/daemon.json
odd '{}'
chmod 600 odd/docker/daemon.json && mv odd/docker/daemon.json odd/real && ln -s ../real odd/docker/daemon.json
ends "a link to what only root may read" 0 "$RUNSC" install --etc "$work/odd" --engine docker
is "both stay so" "symbolic link 600" sh -c 'echo $(stat -c %F odd/docker/daemon.json) $(stat -c %a odd/real)'
is "and it is there" "$RUNSC" jq -r .runtimes.runsc.path odd/real
printf '[plugins.cri]\n  version = 2\n' > odd/containerd/config.toml
says "a file of version 1" "is of version 1; .containerd config migrate" "$RUNSC" install --etc "$work/odd" --engine containerd
printf 'version = 3\n' > odd/containerd/config.toml
ends "one of version 3" 0 "$RUNSC" install --etc "$work/odd" --engine containerd
grep -q '^\[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runsc\]$' odd/containerd/config.toml || fail "version 3 has $(cat odd/containerd/config.toml)"
