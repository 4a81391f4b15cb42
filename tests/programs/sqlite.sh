# time-limit: 300
# sqlite3: one database under concurrent writers, in each journal mode, and from two kinds of client.
. tests/programs/lib.sh
need sqlite3
[ -x /usr/bin/python3 ] || skip "python3 is not installed"
cat > writers.py <<'END'
import multiprocessing, os, sqlite3, sys, tempfile, threading

journal, path = sys.argv[1], os.path.join(tempfile.mkdtemp(), "db")
WRITERS, ROWS = 4, 40


def connect():
    db = sqlite3.connect(path, timeout=60, isolation_level=None)
    db.execute("pragma synchronous=normal")
    return db


def write(who):
    db = connect()
    for i in range(ROWS):
        db.execute("begin immediate")
        n, = db.execute("select n from total").fetchone()
        db.execute("insert into log values (?, ?, ?)", (who, i, "x" * 500))
        db.execute("update total set n = ?", (n + 1,))
        db.execute("commit" if i % 10 else "rollback")
        if i % 10 == 0:
            db.execute("insert into log values (?, ?, 'again')", (who, i))
            db.execute("update total set n = n + 1")
    db.close()


db = connect()
assert db.execute("pragma journal_mode=" + journal).fetchone()[0] == journal
db.execute("create table log (who, i, what)")
db.execute("create table total (n)")
db.execute("insert into total values (0)")
db.execute("create index by_who on log (who, i)")
workers = [multiprocessing.Process(target=write, args=(i,)) for i in range(WRITERS)]
workers += [threading.Thread(target=write, args=(9,))]
[w.start() for w in workers]
[w.join() for w in workers]
total = (WRITERS + 1) * ROWS
assert db.execute("select n from total").fetchone()[0] == total, db.execute("select n from total").fetchone()
assert db.execute("select count(*), count(distinct who) from log").fetchone() == (total, WRITERS + 1)
assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
db.execute("vacuum")
db.close()
out = os.popen("sqlite3 '%s' 'select who, count(*) from log group by who order by 1; pragma quick_check'" % path).read()
assert out.split() == ["%d|%d" % (i, ROWS) for i in (0, 1, 2, 3, 9)] + ["ok"], out
print(journal, "ok")
END
for journal in delete wal truncate; do
    is "writers with journal_mode=$journal" "$journal ok" sandbox -- timeout 120 /usr/bin/python3 -B "$work/writers.py" $journal
done
cat > script.sql <<'END'
create table t (a integer primary key, b text);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000) insert into t select x, 'row ' || x from c;
select count(*), sum(a), max(b) from t;
begin; delete from t where a % 2; rollback;
select count(*) from t;
create view v as select a from t where a < 4; select group_concat(a) from v;
pragma mmap_size=67108864; select sum(length(b)) from t;
END
same "a script for its command line" sh -c 'sqlite3 "$(mktemp -d)/db" < "$1"' sh "$work/script.sql"
is "two command lines wait for each other" "600" sandbox -- sh -c '
    cd "$(mktemp -d)" && sqlite3 db "create table t (x)" &&
    for w in 1 2 3; do (i=0; while [ $i -lt 20 ]; do echo "pragma busy_timeout=60000; insert into t values ($i), ($i), ($i), ($i), ($i), ($i), ($i), ($i), ($i), ($i);"; i=$((i + 1)); done | sqlite3 db > /dev/null) & done
    wait; sqlite3 db "select count(*) from t"'
