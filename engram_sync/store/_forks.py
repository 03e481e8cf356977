"""Dividing a log where two histories of it were found."""

from ._limits import LOG_SEQ_BITS, LOG_SEQ_MASK
from ._statements import Statements

CLOSE_LOG = """UPDATE log SET closed = 1 - closed
    WHERE n = ? AND closed <> (seq > 0 AND seq <= sealed)"""
"""Mark a log that is held to its seal, or goes on after all; it mostly stays what it is."""

# A run's id has its last seq: one that straddles the fork goes along and keeps its first, which
# then lies in the parent.
_MOVES = (
    "UPDATE rec SET id = id + ? WHERE id BETWEEN ? AND ?",
    "UPDATE run SET id = id + ? WHERE id BETWEEN ? AND ?",
    "UPDATE mark SET id = id + ? WHERE id BETWEEN ? AND ?",
    "UPDATE past SET id = id + ? WHERE id BETWEEN ? AND ?",
    "UPDATE erased SET id = id + ? WHERE id BETWEEN ? AND ?",
    "UPDATE owed SET id = id + ? WHERE id BETWEEN ? AND ?",
    "UPDATE ratified SET id = id + ? WHERE id BETWEEN ? AND ?",
    "UPDATE ratified SET saying = saying + ? WHERE saying BETWEEN ? AND ?",
)
_REFERENCES = (
    "UPDATE eng SET log = ?3 WHERE log = ?1 AND seq > ?2",
    "UPDATE receipt SET log = ?3 WHERE log = ?1 AND seq > ?2",
    "UPDATE log SET parent = ?3 WHERE parent = ?1 AND base > ?2",
    "UPDATE log SET follows = ?3 WHERE follows = ?1 AND until > ?2",
    "UPDATE log SET follows = NULL, until = 0 WHERE n = ?1 AND ?2 = 0 AND ?3",
    """UPDATE log SET (seq, head, hlc, sealed) = (
        SELECT seq, head, hlc, iif(sealed > ?2, sealed, 0) FROM log WHERE n = ?1
    ) WHERE n = ?3""",
    "UPDATE log SET sealed = 0 WHERE n = ?1 AND sealed > ?2 AND ?3",
)


def split_log(sql: Statements, log: int, base: int, moved: int) -> None:
    """Give all that ``log`` holds beyond ``base`` to the empty log ``moved``."""
    first = (log << LOG_SEQ_BITS | base) + 1
    last = log << LOG_SEQ_BITS | LOG_SEQ_MASK
    step = (moved - log) << LOG_SEQ_BITS
    _count_anew(sql, first, last)
    for statement in _MOVES:
        sql.run(statement, (step, first, last))
    for statement in _REFERENCES:
        sql.run(statement, (log, base, moved))
    for part in (log, moved):
        sql.run(CLOSE_LOG, (part,))


def _count_anew(sql: Statements, first: int, last: int) -> None:
    """Let the clocks of each engram begin at 0 in the records from row ``first`` on."""
    begins = sql.all(
        "SELECT min(clk), eid FROM rec WHERE id BETWEEN ? AND ? GROUP BY eid", (first, last)
    )
    sql.many(
        "UPDATE rec SET clk = clk - ? WHERE eid = ? AND id BETWEEN ? AND ?",
        [(before, engram, first, last) for before, engram in begins if before],
    )
