# perl: one program that uses all that a script uses of a system.
. tests/programs/lib.sh
need perl
same "all.pl" timeout 60 perl "$here/perl/all.pl"
is "-n, -p, -i" "A
b" sandbox -- sh -c 'cd "$(mktemp -d)" && printf "a\nb\n" > f && perl -pi -e "s/a/A/" f && perl -ne print f'
ends "die" 255 sandbox -- perl -e 'die "no\n"'
ends "exit" 42 sandbox -- perl -e 'exit 42'
ends "killed by itself" 143 sandbox -- perl -e 'kill TERM => $$; sleep 9'
