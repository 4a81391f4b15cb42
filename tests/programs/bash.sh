# Scripts of bash, each alike on the host and in the sandbox. (Those with a terminal are in terminal.sh.)
. tests/programs/lib.sh
need bash bc
for script in "$here"/bash/*.bash; do
    same "$(basename "$script")" timeout 60 bash -c 'cd "$(mktemp -d)" && exec bash "$1" < /dev/null' bash "$script"
done
is "a script is run by its #! line" "from /bin/sh x y" sandbox -- sh -c '
    dir=$(mktemp -d) && cd "$dir" && printf "#!/bin/sh\necho from /bin/sh \$*\n" > s && chmod +x s && ./s x y'
seq 1000 > numbers
is "stdin is a file" 1000 sandbox -- wc -l < numbers
is "stdin is a pipe" 1000 sh -c 'cat numbers | sh "$1" -- wc -l' sh "$top/tests/tools/sandbox.sh"
is "output is a pipe" 500500 sh -c 'sh "$1" -- seq 1000 | paste -sd+ | bc' sh "$top/tests/tools/sandbox.sh"
