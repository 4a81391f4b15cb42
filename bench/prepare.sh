#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# prepare.sh: makes what rows and boxes work with, under build/bench. What is there already is
# kept; what cannot be had (without a network, say) is left out with a word, and the rows or
# columns that need it are empty.
#
#   data/project  100 files in C and a Makefile        data/repo      git, 20,000 files
#   data/bc       a Debian source with ./configure     data/repo.tar  the same 20,000 files
#   data/many     50,000 empty files                   gvisor/runsc   Debian's, not installed
set -eu
cd "$(dirname "$0")/.." && mkdir -p build/bench/data && cd build/bench
top=$PWD
mirror=$(sed -n 's/^URIs: *\([^ ]*\/debian\/*\)$/\1/p; s/^deb .*\(http[^ ]*\/debian\/*\) .*/\1/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null | head -1)

# Made under another name first, so that what is there is whole.
made() {
    [ -e "$1" ] && return
    echo "  MAKE   build/bench/$1"
    rm -rf new && "$2" new && mv new "$1" && return
    echo "  build/bench/$1 cannot be had: $(tail -n 1 apt/log 2> /dev/null)"
}
# apt with lists of its own: what the machine has set up is neither read nor changed.
# private_apt "TYPE SUITE" ARGUMENTS…: leaves what it fetches in apt/, what it says in apt/log.
private_apt() {
    mkdir -p apt/lists/partial apt/archives/partial
    echo "${1% *} [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "${mirror:-http://deb.debian.org/debian} ${1#* } main" > apt/sources
    shift
    for step in update "$*"; do
        # shellcheck disable=SC2086 # words
        (cd apt && apt-get -q $step -o Dir::Etc::sourcelist="$top/apt/sources" -o Dir::Etc::sourceparts=- \
            -o Dir::State::lists="$top/apt/lists" -o Dir::Cache="$top/apt" -o APT::Sandbox::User=) \
            >> apt/log 2>&1 || return 1
    done
}

project() {
    mkdir "$1"
    for i in $(seq 100); do
        cat > "$1/part$i.c" << END
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "parts.h"
struct node$i { struct node$i *next; char name[32]; int value; };
static struct node$i *push(struct node$i *list, const char *name, int value)
{
    struct node$i *node = malloc(sizeof *node);
    if (!node)
        abort();
    snprintf(node->name, sizeof node->name, "%s", name);
    node->value = value;
    node->next = list;
    return node;
}
int part$i(int n)
{
    struct node$i *list = NULL;
    int sum = 0;
    for (int i = 0; i < n; i++)
        list = push(list, i % 2 ? "odd" : "even", i * $i);
    while (list) {
        struct node$i *next = list->next;
        sum += strcmp(list->name, "odd") == 0 ? list->value : -list->value;
        free(list);
        list = next;
    }
    return sum;
}
END
    done
    seq 100 | sed 's/.*/int part&(int n);/' > "$1/parts.h"
    {
        echo '#include <stdio.h>'
        echo '#include "parts.h"'
        echo 'int main(void) { int sum = 0;'
        seq 100 | sed 's/.*/sum += part&(&);/'
        echo 'printf("%d", sum); return 0; }'
    } > "$1/main.c"
    cat > "$1/Makefile" << END
OBJS := main.o $(seq -s ' ' -f 'part%g.o' 100)
all: \$(OBJS)
	gcc -o all \$(OBJS)
%.o: %.c
	gcc -O1 -c -o \$@ \$<
END
}
bc() {
    private_apt "deb-src bookworm" source --download-only bc &&
        mkdir "$1" && tar -C "$1" --strip-components=1 -xf apt/bc_*.orig.tar.*
}
many() {
    for d in $(seq 500); do
        mkdir -p "$1/$((d % 10))/$d"
        (cd "$1/$((d % 10))/$d" && seq -f 'file%g.txt' 100 | xargs touch)
    done
}
repo() {
    mkdir "$1"
    for d in $(seq 200); do
        mkdir -p "$1/$((d % 10))/$d"
        (cd "$1/$((d % 10))/$d" && yes "line $d of a file that is like many others" | head -n 12000 |
            split -a 2 -l 120 --additional-suffix=.txt - file)
    done
    (cd "$1" && git init -q && git add . &&
        git -c user.name=bench -c user.email=bench@localhost commit -qm "20,000 files" && git gc -q)
}
repo_tar() { tar -C data/repo --exclude=.git -cf "$1" .; }
gvisor() {
    private_apt "deb bookworm-backports" download runsc &&
        dpkg -x apt/runsc_*.deb "$1" && ln "$1/usr/bin/runsc" "$1/runsc"
}

made data/project project
made data/bc bc
made data/many many
made data/repo repo
made data/repo.tar repo_tar
made gvisor gvisor
