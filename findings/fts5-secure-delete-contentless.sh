#!/usr/bin/env bash
# SQLite's FTS5 accepts the option secure-delete on contentless tables, where it has no effect.
#
# With secure-delete FTS5 takes a deleted row's terms out of the index at once.  A table with content=''
# and contentless_delete=1 accepts the option too, answers nothing, and keeps the terms: such a delete
# writes a tombstone.  The words of an erased text are then in the file until segments are merged, even
# with PRAGMA secure_delete.  What helps: the command 'optimize' after the delete, then a checkpoint.
#
# Seen: apsw 3.54.1.0 (SQLite 3.54.1).
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv probe
probe/bin/python -m pip install --quiet --disable-pip-version-check 'apsw==3.54.1.0' 2>/dev/null
cat >probe.py <<'PY'
import pathlib

import apsw


def left(columns: str, then: str = "") -> bool:
    """Whether the word is in the file after its row was deleted."""
    path = pathlib.Path("probe.db")
    path.unlink(missing_ok=True)
    db = apsw.Connection(str(path))
    db.execute("PRAGMA secure_delete = ON")
    db.execute(f"CREATE VIRTUAL TABLE f USING fts5({columns})")
    db.execute("INSERT INTO f(f, rank) VALUES ('secure-delete', 1)")
    db.execute("INSERT INTO f(rowid, x) VALUES (1, 'quincunx alpha'), (2, 'beta gamma')")
    db.execute("DELETE FROM f WHERE rowid = 1")
    if then:
        db.execute(f"INSERT INTO f(f) VALUES ('{then}')")
    db.close()
    return b"quincunx" in path.read_bytes()


contentless = "x, content='', contentless_delete=1"
found = left("x"), left(contentless), left(contentless, "optimize")
print("SQLite", apsw.sqlite_lib_version(), "word left: with content, contentless, and optimized:", found)
assert found == (False, True, False)
PY
probe/bin/python probe.py
