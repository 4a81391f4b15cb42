# time-limit: 240
# PostgreSQL with its shared memory from System V: a server, clients at once, an end without remains.
. tests/programs/lib.sh
bin=$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null | tail -1)
[ -x "${bin:-}/pgbench" ] && id postgres > /dev/null 2>&1 || skip "postgresql is not installed"
[ "$(id -u)" = 0 ] || skip "needs root, to become another"
cat > server.sh <<END
bin=$bin
dir=\$(mktemp -d) && data=\$dir/data
END
cat >> server.sh <<'END'
$bin/initdb -D $data -A trust --no-sync > $dir/out 2>&1 || { cat $dir/out; exit 1; }
echo "shared_memory_type = sysv" >> $data/postgresql.conf
$bin/pg_ctl -D $data -w -t 60 -l $dir/log -o "-c listen_addresses='' -k $dir -c fsync=off" start > /dev/null ||
    { tail $dir/log; exit 1; }
ipcs -m | grep -c "^0x.*$(id -un)"
$bin/pgbench -h $dir -i -q postgres > $dir/out 2>&1 || cat $dir/out
$bin/pgbench -h $dir -c 4 -j 2 -t 100 postgres 2> $dir/err | grep "actually processed\|failed" || cat $dir/err
$bin/psql -h $dir -At -c "select sum(abalance) = (select sum(delta) from pgbench_history) from pgbench_accounts" postgres
$bin/pg_ctl -D $data -m fast -w stop > /dev/null
ipcs -m | grep -c "^0x.*$(id -un)"
rm -r $dir
END
chmod 755 . && chmod 644 server.sh
is "a server and its clients" "1
number of transactions actually processed: 400/400
number of failed transactions: 0 (0.000%)
t
0" sandbox --mem=1g --ro "$work" -- su postgres -s /bin/sh -c "cd / && timeout 200 sh $work/server.sh"
