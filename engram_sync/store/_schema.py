"""The tables, as numbered steps from an empty file to the newest schema.

A step is never changed after a release: a store of schema ``READABLE_MIN`` or later is brought
forward by the steps it has not seen, in one transaction, so that a crash leaves it at one version
or the other.

Nothing is stored twice.  What follows from the rest by a cheap computation is absent: the payload
hash of a payload that is held, the state and view of an engram with a single record, the empty
lists that most records carry.
"""

from collections.abc import Sequence

from ._database import Database
from ._faults import newer_schema_error, not_a_store_error, older_schema_error

READABLE_MIN = 3
"""Schema of the oldest store that is brought forward.  Before it, records had no mark in their
bodies: by the rules of today none of them hashes to what was signed."""

APPLICATION_ID = 0x656E6772
"""``engr`` in ASCII; at byte 68 of the file, where file(1) and SQLite look for it."""

PURGE_KEY = "store purge"
"""In meta: what ``purge`` has to do; absent when there is nothing."""
PURGE_INDEX = b"\x01"
PURGE_ALL = b"\x02"
"""Also what the pages of the tables hold of deleted rows."""

_FIRST = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE scope (
        n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, secret BLOB NOT NULL,
        current INTEGER NOT NULL, materialised INTEGER NOT NULL, digest BLOB NOT NULL,
        live INTEGER NOT NULL, deleted INTEGER NOT NULL, records INTEGER NOT NULL)""",
    """CREATE TABLE log (
        n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, scope INTEGER NOT NULL REFERENCES scope(n),
        domain INTEGER NOT NULL, author BLOB NOT NULL, incarnation BLOB NOT NULL,
        seq INTEGER NOT NULL, head BLOB NOT NULL, hlc INTEGER NOT NULL)""",
    "CREATE TABLE shape (id INTEGER PRIMARY KEY, b BLOB NOT NULL UNIQUE)",
    # id = log << 40 | seq: one log is one stretch of the table: sending and materialising read it
    # in order, and inserting appends.  NULL stands for: nothing superseded, payload not held,
    # payload held (phash), no deps, auth unchanged.
    """CREATE TABLE rec (
        id INTEGER PRIMARY KEY, eid BLOB NOT NULL, hlc INTEGER NOT NULL, shape INTEGER NOT NULL,
        sups BLOB, payload BLOB, phash BLOB, deps BLOB, auth BLOB)""",
    "CREATE INDEX rec_eid ON rec(eid)",
    # id = log << 40 | last, so that a run is found by its log and end without another index.
    """CREATE TABLE run (
        id INTEGER PRIMARY KEY, scope INTEGER NOT NULL REFERENCES scope(n),
        arrival INTEGER NOT NULL, first INTEGER NOT NULL, head BLOB NOT NULL, sig BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX run_arrival ON run(scope, arrival)",
    # Eight bytes find a head; the other 24 are compared in the row.
    "CREATE INDEX run_head ON run(substr(head, 1, 8))",
    "CREATE TABLE past (id INTEGER PRIMARY KEY, vector BLOB NOT NULL)",
    """CREATE TABLE eng (
        n INTEGER PRIMARY KEY, scope INTEGER NOT NULL REFERENCES scope(n), eid BLOB NOT NULL,
        log INTEGER NOT NULL, seq INTEGER NOT NULL, records INTEGER NOT NULL, hlc INTEGER NOT NULL,
        life INTEGER NOT NULL, conflict INTEGER NOT NULL, state BLOB, view BLOB, digest BLOB,
        UNIQUE (scope, eid))""",
    "CREATE INDEX eng_newest ON eng(scope, life, hlc)",
    "CREATE INDEX eng_conflict ON eng(scope, hlc) WHERE conflict <> 0",
    """CREATE VIRTUAL TABLE fts USING fts5(
        title, content, tags, content='', contentless_delete=1, tokenize='porter unicode61')""",
    "CREATE VIRTUAL TABLE vocabulary USING fts5vocab(fts, row)",
    "CREATE TABLE unindexed (n INTEGER PRIMARY KEY)",
    """CREATE TABLE peer (
        key BLOB PRIMARY KEY, label TEXT NOT NULL, address TEXT NOT NULL, via TEXT NOT NULL,
        last_success INTEGER, failures INTEGER NOT NULL, error TEXT NOT NULL) WITHOUT ROWID""",
)

_SECOND = (
    # A root has neither parent nor branch, and base 0; a log that goes on has sealed 0.
    "ALTER TABLE log ADD COLUMN parent INTEGER REFERENCES log(n)",
    "ALTER TABLE log ADD COLUMN base INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE log ADD COLUMN branch BLOB",
    "ALTER TABLE log ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX log_branches ON log(scope) WHERE parent IS NOT NULL",
    "ALTER TABLE run ADD COLUMN at INTEGER",
    # The ids are those of rec.
    "CREATE TABLE erased (id INTEGER PRIMARY KEY)",
    """CREATE TABLE owed (
        id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, n INTEGER NOT NULL REFERENCES eng(n))""",
    "CREATE INDEX owed_scope ON owed(scope)",
    "CREATE INDEX owed_engram ON owed(n)",
    """CREATE TABLE quarantine (
        n INTEGER PRIMARY KEY REFERENCES eng(n), scope INTEGER NOT NULL, hlc INTEGER NOT NULL)""",
    "CREATE INDEX quarantine_hlc ON quarantine(scope, hlc)",
    """CREATE TABLE receipt (
        scope INTEGER NOT NULL REFERENCES scope(n), log INTEGER NOT NULL REFERENCES log(n),
        seq INTEGER NOT NULL, key BLOB NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (scope, log, seq, key)) WITHOUT ROWID""",
    # The first release left deleted bytes in its pages: the next purge rewrites the file.
    """INSERT INTO meta (key, value)
        SELECT 'store purge', x'02' WHERE EXISTS (SELECT 1 FROM rec)""",
)

_DERIVED = (
    """CREATE TABLE eng (
        n INTEGER PRIMARY KEY, scope INTEGER NOT NULL REFERENCES scope(n), eid BLOB NOT NULL,
        log INTEGER NOT NULL, seq INTEGER NOT NULL, records INTEGER NOT NULL, hlc INTEGER NOT NULL,
        created INTEGER NOT NULL, born INTEGER NOT NULL, changed INTEGER NOT NULL,
        life INTEGER NOT NULL, conflict INTEGER NOT NULL, live INTEGER NOT NULL,
        dead INTEGER NOT NULL, erased INTEGER NOT NULL, digest BLOB, UNIQUE (scope, eid))""",
    "CREATE INDEX eng_newest ON eng(scope, life, hlc)",
    "CREATE INDEX eng_conflict ON eng(scope, hlc) WHERE conflict <> 0",
    """CREATE TABLE owed (
        id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, n INTEGER NOT NULL REFERENCES eng(n))""",
    "CREATE INDEX owed_scope ON owed(scope)",
    "CREATE INDEX owed_engram ON owed(n)",
    # Live elements of engrams with several records.  Their values are in rec.
    """CREATE TABLE elem (
        n INTEGER NOT NULL, log INTEGER NOT NULL, clk INTEGER NOT NULL, seq INTEGER NOT NULL,
        coll TEXT NOT NULL, born INTEGER NOT NULL, digest BLOB NOT NULL, life BLOB,
        grp BLOB, val BLOB, grp2 BLOB, val2 BLOB, PRIMARY KEY (n, log, clk)) WITHOUT ROWID""",
    "CREATE INDEX elem_life ON elem(n, life) WHERE life IS NOT NULL",
    "CREATE INDEX elem_body ON elem(n) WHERE coll = 'r/body'",
    "CREATE INDEX elem_group ON elem(n, grp, val) WHERE grp IS NOT NULL",
    "CREATE INDEX elem_group2 ON elem(n, grp2, val2) WHERE grp2 IS NOT NULL",
    "CREATE TABLE contested (n INTEGER, grp BLOB, PRIMARY KEY (n, grp)) WITHOUT ROWID",
    """CREATE TABLE part (n INTEGER, log INTEGER, clk INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (n, log)) WITHOUT ROWID""",
    """CREATE TABLE text (n INTEGER PRIMARY KEY, state BLOB NOT NULL, shown BLOB NOT NULL,
        orphans INTEGER NOT NULL)""",
)

_THIRD = (
    # Part of the body, so a record can be chained again without its signature.
    "ALTER TABLE rec ADD COLUMN marked INTEGER NOT NULL DEFAULT 0",
    # Marked positions inside a run: their signatures are not held, and others may name them.
    """CREATE TABLE mark (
        id INTEGER PRIMARY KEY, scope INTEGER NOT NULL REFERENCES scope(n), head BLOB NOT NULL)""",
    "CREATE INDEX mark_head ON mark(substr(head, 1, 8))",
    # The first clock that a record takes in its engram, counted along its log.
    "ALTER TABLE rec ADD COLUMN clk INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX rec_clock ON rec(eid, id >> 40, clk) WHERE clk > 0",
    "ALTER TABLE scope ADD COLUMN changes INTEGER NOT NULL DEFAULT 0",
    "DROP TABLE owed",
    "DROP TABLE quarantine",
    # What the first record of a log seals.
    "ALTER TABLE log ADD COLUMN follows INTEGER REFERENCES log(n)",
    "ALTER TABLE log ADD COLUMN until INTEGER NOT NULL DEFAULT 0",
    # Where it stands in its lineage, so that no other log has to be read to know it.
    "ALTER TABLE log ADD COLUMN depth INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE log ADD COLUMN jump INTEGER NOT NULL DEFAULT 0",
    # Whether it is held exactly to its seal.  What goes on is found without a look at the rest,
    # which has its sum beside the scope.
    "ALTER TABLE log ADD COLUMN closed INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX log_going ON log(scope) WHERE closed = 0",
    "ALTER TABLE scope ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
    f"ALTER TABLE scope ADD COLUMN sealed_sum BLOB NOT NULL DEFAULT x'{'00' * 32}'",
    "DROP TABLE eng",
    *_DERIVED,
    "CREATE INDEX receipt_key ON receipt(scope, key, log, seq)",
    # Logs by name, as what its author voids of one may come before the log.
    """CREATE TABLE void (
        log BLOB NOT NULL, author BLOB NOT NULL, scope INTEGER NOT NULL REFERENCES scope(n),
        last INTEGER NOT NULL, PRIMARY KEY (log, author)) WITHOUT ROWID""",
    # Logs by number, as what leaders cut off of one follows from what is held of it.
    "CREATE TABLE cut (log INTEGER PRIMARY KEY REFERENCES log(n), last INTEGER NOT NULL)",
    # Which record counts although it is void, and which one says so.
    """CREATE TABLE ratified (
        id INTEGER NOT NULL, saying INTEGER NOT NULL, PRIMARY KEY (id, saying)) WITHOUT ROWID""",
)

_FOURTH = (
    # What changes with every edit of a text, and apart from it what is stored now and then: the
    # structure.  The records that changed it since are in the order in which they were applied.
    "DROP TABLE text",
    """CREATE TABLE text (n INTEGER PRIMARY KEY, shown BLOB NOT NULL, orphans INTEGER NOT NULL,
        changed INTEGER NOT NULL, since INTEGER NOT NULL)""",
    "CREATE TABLE text_structure (n INTEGER PRIMARY KEY, state BLOB NOT NULL)",
    """CREATE TABLE text_since (n INTEGER, place INTEGER, id INTEGER NOT NULL,
        PRIMARY KEY (n, place)) WITHOUT ROWID""",
    # All that was derived is made anew, as after a change of the rules.
    "UPDATE meta SET value = x'' WHERE key = 'materialiser'",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND, _THIRD, _FOURTH)
"""Step i brings a store of schema i to schema i + 1."""
SCHEMA_VERSION = len(MIGRATIONS)


def check(connection: Database, place: str, version_max: int = SCHEMA_VERSION) -> int:
    """The schema of the store behind ``connection``, 0 for an empty file.  Writes nothing.

    Raises:
        CorruptError: Something else wrote the file.
        PreconditionError: A newer release wrote it, or one whose records were of another form.
    """
    application = connection.pragma("application_id")
    version = int(connection.pragma("user_version"))
    if application == APPLICATION_ID:
        if version > version_max:
            raise newer_schema_error(place, version, version_max)
        if 0 < version < READABLE_MIN:
            raise older_schema_error(place, version)
        return version
    content = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    if application != 0 or version != 0 or content is not None:
        raise not_a_store_error(place)
    return 0


def migrate(
    connection: Database,
    place: str,
    migrations: Sequence[Sequence[str]] = MIGRATIONS,
) -> None:
    """Bring the store to the newest schema, or leave it exactly as it was.

    Raises:
        apsw.Error: A step failed; nothing was changed.
        LocalError: As ``check``.
    """
    if check(connection, place, len(migrations)) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have migrated meanwhile.
        version = check(connection, place, len(migrations))
        for step in migrations[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
