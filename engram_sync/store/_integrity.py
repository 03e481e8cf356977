"""What contradicts itself in a store, as far as that can be seen without knowing what it means."""

from ._statements import Statements

_PROBLEMS_MAX = 100
"""Of one kind; whoever has more of them needs no longer list."""

_LIMIT = f" LIMIT {_PROBLEMS_MAX}"

# (what is wrong, with a place for each column; rows that show it).
_CLAIMS = (
    (
        "log {} holds {} records where {} are stated",
        """SELECT n, (SELECT count(*) FROM rec WHERE id BETWEEN (n << 40 | base) + 1
            AND n << 40 | 0xFFFFFFFFFF) AS held, seq - base AS stated
        FROM log WHERE held <> stated""",
    ),
    (
        "log {} holds record {} beyond its end at {}",
        """SELECT n, (SELECT max(id) & 0xFFFFFFFFFF FROM rec WHERE id BETWEEN n << 40
            AND n << 40 | 0xFFFFFFFFFF) AS newest, seq FROM log WHERE newest > seq""",
    ),
    (
        "log {} branches off log {} at {}, which ends at {}",
        """SELECT child.n, child.parent, child.base, log.seq FROM log AS child
        LEFT JOIN log ON log.n = child.parent
        WHERE child.parent IS NOT NULL AND child.base IS NOT log.seq""",
    ),
    (
        "records {} to {} of log {} are in no run",
        """SELECT gap.after + 1, gap.upto, gap.log FROM (
            SELECT id >> 40 AS log, first - 1 AS upto,
                coalesce(lag(id & 0xFFFFFFFFFF) OVER (PARTITION BY id >> 40 ORDER BY id),
                    (SELECT base FROM log WHERE n = run.id >> 40)) AS after FROM run
        ) AS gap WHERE gap.upto > gap.after""",
    ),
    (
        "the end of log {} at {} is in no run",
        """SELECT n, seq FROM log WHERE seq > base
            AND NOT EXISTS (SELECT 1 FROM run WHERE id = n << 40 | seq)
            AND NOT EXISTS (SELECT 1 FROM log AS child WHERE child.parent = log.n)""",
    ),
    (
        "record {1} of log {0} has a shape that is not kept",
        """SELECT id >> 40, id & 0xFFFFFFFFFF FROM rec
        WHERE shape NOT IN (SELECT id FROM shape)""",
    ),
    (
        "record {1} of log {0} has neither a payload nor its hash",
        "SELECT id >> 40, id & 0xFFFFFFFFFF FROM rec WHERE payload IS NULL AND phash IS NULL",
    ),
    (
        "record {1} of log {0} was erased and has a payload",
        """SELECT id >> 40, id & 0xFFFFFFFFFF FROM rec
        WHERE payload IS NOT NULL AND id IN (SELECT id FROM erased)""",
    ),
    (
        "record {1} of log {0} is owed and has a payload, or is not held",
        """SELECT owed.id >> 40, owed.id & 0xFFFFFFFFFF FROM owed LEFT JOIN rec ON rec.id = owed.id
        WHERE rec.id IS NULL OR rec.payload IS NOT NULL""",
    ),
    (
        "scope {} is materialised up to run {}, the newest is {}",
        """SELECT n, materialised, (SELECT coalesce(max(arrival), 0) FROM run WHERE scope = scope.n)
            AS newest FROM scope WHERE materialised > newest""",
    ),
    (
        "scope {} counts {} records and holds {}",
        """SELECT scope.n, records, (SELECT coalesce(sum(seq - base), 0) FROM log
            WHERE log.scope = scope.n) AS held FROM scope WHERE records <> held""",
    ),
    (
        "engram {} has {} live elements where {} are counted",
        """SELECT n, (SELECT count(*) FROM elem WHERE elem.n = eng.n) AS held, live FROM eng
        WHERE digest IS NOT NULL AND held <> live""",
    ),
    (
        "an element of engram {} is kept, which is not",
        "SELECT n FROM elem WHERE n NOT IN (SELECT n FROM eng)",
    ),
    (
        "engram {} begins with a record that is not held",
        """SELECT n FROM eng WHERE (log << 40 | seq) NOT IN (SELECT id FROM rec)""",
    ),
)


def contradictions(sql: Statements) -> list[str]:
    """See ``Store.integrity``."""
    damage = [row[0] for row in sql.all(f"PRAGMA integrity_check({_PROBLEMS_MAX})")]
    found = [f"the database: {line}" for line in damage if line != "ok"]
    strangers = sql.all("PRAGMA foreign_key_check")
    found += [f"a row of {row[0]} refers to a missing row of {row[2]}" for row in strangers]
    for claim, query in _CLAIMS:
        found += [claim.format(*row) for row in sql.all(query + _LIMIT)]
    return found
