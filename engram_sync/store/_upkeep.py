"""What is done to a whole database: purging it of what was erased, and rewriting it smaller."""

from ._database import Database
from ._faults import held_error
from ._rows import Size
from ._schema import PURGE_ALL, PURGE_KEY


def purge(connection: Database, place: str) -> None:
    """Remove from the files what erased payloads, and the index of their words, left there.

    No transaction may be open.

    The mark in ``meta`` goes last: a crash anywhere before means that all of it is done again.

    Raises:
        DegradedError: A reader of an old snapshot keeps the log from being emptied.
        apsw.Error: The disk failed.
    """
    sql = "SELECT value FROM meta WHERE key = ?"
    mark = connection.execute(sql, (PURGE_KEY,)).fetchone()
    if mark is None:
        return
    # A contentless index only marks a deleted engram, whatever its setting ``secure-delete`` says;
    # its words go when its segments are merged.
    connection.execute("INSERT INTO fts (fts) VALUES ('optimize')")
    if mark[0] == PURGE_ALL:
        _rewrite(connection)
    if not _empty_log(connection):
        raise held_error(place)
    connection.execute("DELETE FROM meta WHERE key = ?", (PURGE_KEY,))


def compact(connection: Database) -> Size:
    """Rewrite the whole store without its free pages; the size before.  No transaction may be open.

    Raises:
        apsw.Error: The disk failed or is full.
    """
    page_bytes = int(connection.pragma("page_size"))
    pages, free = int(connection.pragma("page_count")), int(connection.pragma("freelist_count"))
    _rewrite(connection)
    _empty_log(connection)
    return Size(pages * page_bytes, free * page_bytes)


def _rewrite(connection: Database) -> None:
    """Write every page anew.  It is a transaction like any other: a crash undoes it."""
    # The copy that it makes meanwhile is as large as the store.
    connection.execute("PRAGMA temp_store = FILE")
    try:
        connection.execute("VACUUM")
    finally:
        connection.execute("PRAGMA temp_store = MEMORY")


def _empty_log(connection: Database) -> bool:
    """Move the log into the file and cut it to nothing; False when a reader prevents that."""
    row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return row is None or row[0] == 0
