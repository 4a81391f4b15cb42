#!/bin/bash
# Builds the programs of a Kubernetes node from Debian's source package, which holds all of
# upstream 1.20 with what it depends on; Debian itself ships kubectl alone. Its code wants a Go of
# its age, which Debian 11 has: that is unpacked here and not installed. 11 minutes of two
# processors, 4 GB; what is there already is kept.
#
#   build.sh DIR     leaves them in DIR/bin
set -eu
dir=$1
programs="kubelet kube-apiserver kube-controller-manager kube-scheduler kubectl"
there=yes
for program in $programs; do [ -x "$dir/bin/$program" ] || there=no; done
[ $there = no ] || exit 0

mkdir -p "$dir"/{bin,go,src} "$dir"/apt/{lists/partial,cache/archives/partial}
cd "$dir"
from="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian"
cat > apt/sources.list <<END
deb-src $from bookworm main
deb $from bullseye main
END
apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$dir/apt/lists" -o Dir::Cache="$dir/apt/cache" -o APT::Sandbox::User=root "$@"
}
apt update
apt source --download-only kubernetes
apt download golang-1.15-go golang-1.15-src
for package in golang-1.15-*.deb; do dpkg -x "$package" go; done
tar -C src --strip-components=1 -xzf kubernetes_*.orig.tar.gz
command -v rsync > /dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq rsync > /dev/null

cd src
export GOROOT=$dir/go/usr/lib/go-1.15 GOCACHE=$dir/cache GOPROXY=off GOFLAGS=-p=2 GOMAXPROCS=2
export KUBE_GIT_VERSION=v1.20.2 KUBE_GIT_COMMIT=0 KUBE_GIT_TREE_STATE=archive KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20
PATH=$GOROOT/bin:$PATH nice -n 19 make FORCE_HOST_GO=y WHAT="$(printf 'cmd/%s ' $programs)" > ../build.log 2>&1
for program in $programs; do cp "_output/local/go/bin/$program" ../bin/; done
