# time-limit: 300
# git: init, commit, branch, merge, rebase, clone of a local repository, gc, fsck.
. tests/programs/lib.sh
need git
cat > story <<'END'
set -eu
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export HOME="$(mktemp -d)" GIT_EDITOR=true
cd "$HOME"
git -c init.defaultBranch=main init -q one && cd one
for i in $(seq 30); do seq $i $((i + 200)) > file$i; git add file$i && git commit -q -m "file $i"; done
git log --oneline | wc -l
git checkout -q -b side HEAD~5
seq 1000 > more && git add more && git commit -q -m more && sed -i 1d more && git commit -q -a -m less
git checkout -q main && git merge -q -m merged side && git diff --stat HEAD~1 | tail -1
git rev-parse HEAD
git checkout -q -b redone HEAD~3 && echo x > x && git add x && git commit -q -m x && git rebase -q side && git log --format=%s -3
git tag -a v1 -m one && git describe && git stash list && echo dirty >> x && git stash -q && git stash pop -q && git status --short
git checkout -q -f main
cd .. && git clone -q one two && git clone -q --bare one bare && git clone -q --no-local --depth 3 "file://$HOME/one" shallow
cd two && git log --format=%s -1 && git -C ../shallow log --oneline | wc -l
echo pushed > p && git add p && git commit -q -m pushed && git push -q "$HOME/bare" HEAD:refs/heads/main && git -C ../bare log --format=%s -1 main
cd ../one && git pull -q --ff-only ../bare main && cat p
git gc -q --aggressive --prune=now && git fsck --strict && git count-objects -v | grep -E '^(count|packs)'
git blame -s more | md5sum | cut -c 1-8; git grep -c 200 | wc -l; git archive HEAD | tar t | wc -l
git bisect start -q HEAD HEAD~20 > /dev/null && git bisect run sh -c '! [ -e file25 ]' | grep -c 'first bad' && git bisect reset -q
git worktree add -q ../tree side && ls ../tree | wc -l && git clean -fdxq && rm file1 && git checkout -q file1 && git status --short
END
same "a repository's life" timeout 200 sh "$work/story"
