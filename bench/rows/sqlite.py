# SPDX-License-Identifier: Apache-2.0
"""50,000 rows go into a database in 500 transactions, and 20,000 are looked for. What a disk
takes to say that it has them is left out: an overlay has no disk."""
import sqlite3

db = sqlite3.connect("rows.db", isolation_level=None)
db.execute("pragma synchronous=off")
db.execute("create table rows (id integer primary key, name text, what text)")
db.execute("create index by_name on rows (name)")
for first in range(0, 50000, 100):
    db.execute("begin")
    db.executemany("insert into rows values (?, ?, ?)",
                   ((i, "name %d" % (i * 7919 % 50000), "x" * 100) for i in range(first, first + 100)))
    db.execute("commit")
found = sum(db.execute("select count(*) from rows where name = ?", ("name %d" % i,)).fetchone()[0]
            for i in range(0, 60000, 3))
assert found == 16667, found
