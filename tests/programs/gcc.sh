# time-limit: 400
# gcc builds projects of many files with make -j4, and what it built runs.
. tests/programs/lib.sh
need gcc make ar

mkdir project && cd project || exit 2
n=24
for i in $(seq $n); do
    cat > part$i.c <<END
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include "parts.h"
double part$i(double x) { char s[32]; snprintf(s, sizeof s, "%g", x + $i); return sqrt(atof(s) * $i); }
END
done
{ seq -f 'double part%g(double x);' $n; echo '#define ALL(F) '"$(seq -s ' ' -f 'F(%g)' $n)"; } > parts.h
cat > main.c <<'END'
#include <stdio.h>
#include "parts.h"
#define ADD(i) sum += part##i(sum);
int main(void) { double sum = 1; ALL(ADD) printf("%.3f\n", sum); return 0; }
END
cat > Makefile <<'END'
OBJS := $(patsubst part%.c,part%.o,$(wildcard part*.c))
program: main.o libparts.a ; $(CC) -o $@ $^ -lm
libparts.a: $(OBJS) ; ar rcs $@ $^
shared: main.c libparts.so ; $(CC) -o $@ main.c -L. -lparts -Wl,-rpath,'$$ORIGIN' -lm
libparts.so: $(wildcard part*.c) ; $(CC) -O2 -fPIC -shared -o $@ $^ -lm
%.o: %.c parts.h ; $(CC) -O1 -g -Wall -c -o $@ $<
clean: ; rm -f *.o *.a *.so program shared
END
cd .. && cp -r project native && want=$(cd native && make -s -j4 && ./program)
[ -n "$want" ] || skip "the host's gcc does not build it"

is "make -j4, run, again with nothing to do, clean" "$want
make: 'program' is up to date.
$((n + 3))" sandbox -C "$work/project" -- sh -c '
    cd "$1" && make -s -j4 program && ./program && make program && make -s clean && ls | wc -l' sh "$work/project"
is "a shared library" "$want" sandbox -C "$work/project" -- sh -c 'cd "$1" && make -s -j2 shared && ./shared' sh "$work/project"
same "the same object code" sh -c 'cd "$1/project" && gcc -O2 -c part7.c -o - -S && gcc -O2 -c part7.c -o "${TMPDIR:-/tmp}/7.o" && sha256sum < "${TMPDIR:-/tmp}/7.o"' sh "$work"
ends "an error is an error" 2 sandbox -- sh -c 'cd "$(mktemp -d)" && echo "int main(void) { return x; }" > e.c && make e'
is "a static program" "static 6" sandbox -- sh -c 'cd "$(mktemp -d)" && printf "%s\n" "#include <stdio.h>" "int main(int c, char **v) { return !printf(\"static %d\", c); }" > s.c && gcc -static -o s s.c && ./s 1 2 3 4 5'
if command -v g++ > /dev/null; then
    is "g++ with exceptions and threads" "caught 100" sandbox -- sh -c 'cd "$(mktemp -d)" && cat > t.cc && g++ -O1 -o t t.cc -pthread && ./t' <<'END'
#include <atomic>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>
int main()
{
    std::atomic<int> n{ 0 };
    std::vector<std::thread> all;
    for (int i = 0; i < 100; i++)
        all.emplace_back([&] { try { throw std::runtime_error("x"); } catch (std::exception &) { n++; } });
    for (auto &t : all)
        t.join();
    std::cout << "caught " << n << std::endl;
}
END
fi
