"""What contradicts itself in a store, as far as that can be seen without knowing what it means."""

from ._statements import Statements

_PROBLEMS_MAX = 100
"""Of one kind; whoever has more of them needs no longer list."""

_LIMIT = f" LIMIT {_PROBLEMS_MAX}"

# Logs with the one that each continues, and the two before that one that it reaches in a jump.
_LINEAGES = """FROM log LEFT JOIN log AS before ON before.n = log.follows
    LEFT JOIN log AS near ON near.n = before.jump LEFT JOIN log AS far ON far.n = near.jump
    WHERE log.scope NOT IN (SELECT scope FROM log WHERE parent IS NOT NULL)"""

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
    *(
        (
            f"a row of {table} belongs to engram {{}}, which has no such rows",
            f"""SELECT DISTINCT n FROM {table}
            WHERE n NOT IN (SELECT n FROM eng WHERE digest IS NOT NULL)""",  # noqa: S608 - constants only
        )
        for table in ("elem", "part", "contested", "text", "text_structure", "text_since")
    ),
    (
        "engram {} begins with a record that is not held, or another's",
        """SELECT n FROM eng LEFT JOIN rec ON rec.id = eng.log << 40 | eng.seq
        WHERE rec.eid IS NOT eng.eid""",
    ),
    ("engram {} has state of life {}", "SELECT n, life FROM eng WHERE life NOT IN (0, 1, 2)"),
    (
        "engram {} appeared with change {} and changed last with {}, of {}",
        """SELECT eng.n, born, changed, changes FROM eng JOIN scope ON scope.n = eng.scope
        WHERE NOT (0 < born AND born <= changed AND changed <= changes)""",
    ),
    (
        "an element of engram {} appeared with change {}, after its last",
        """SELECT n, elem.born FROM elem JOIN eng USING (n)
        WHERE NOT (0 < elem.born AND elem.born <= changed)""",
    ),
    (
        "the texts of engram {} changed with change {}, after its last",
        "SELECT n, text.changed FROM text JOIN eng USING (n) WHERE text.changed > eng.changed",
    ),
    (
        "of what changed the texts of engram {}, {} of {} records are named",
        """SELECT n, count(*) AS held, max(place) AS last FROM text_since
        GROUP BY n HAVING held <> last""",
    ),
    (
        "engram {} has a text without its structure, or the other way round",
        """SELECT n FROM text WHERE n NOT IN (SELECT n FROM text_structure)
        UNION SELECT n FROM text_structure WHERE n NOT IN (SELECT n FROM text)
        UNION SELECT n FROM text_since WHERE n NOT IN (SELECT n FROM text)""",
    ),
    (
        "engram {} waits for a value in scope {} and is in another",
        "SELECT n, owed.scope FROM owed LEFT JOIN eng USING (n) WHERE owed.scope IS NOT eng.scope",
    ),
    (
        "scope {} counts {} memories and {} deleted ones, and holds {} and {}",
        """SELECT scope.n, scope.live, deleted,
            (SELECT count(*) FROM eng WHERE eng.scope = scope.n AND life < 2) AS here,
            (SELECT count(*) FROM eng WHERE eng.scope = scope.n AND life = 2) AS gone
        FROM scope WHERE scope.live <> here OR deleted <> gone""",
    ),
    (
        "{1} scopes of kind {0} are the current one",
        "SELECT kind, sum(current) FROM scope GROUP BY kind HAVING sum(current) NOT IN (0, 1)",
    ),
    (
        "log {} ends with another clock than its last record",
        """SELECT n FROM log WHERE seq > base
        AND hlc IS NOT (SELECT hlc FROM rec WHERE id = n << 40 | seq)""",
    ),
    (
        "log {} is held to {}, sealed at {}, and counted as if that were otherwise",
        "SELECT n, seq, sealed FROM log WHERE closed <> (seq > 0 AND seq <= sealed)",
    ),
    (
        "scope {} counts {} sealed logs and holds {}",
        """SELECT scope.n, scope.sealed, (SELECT count(*) FROM log
            WHERE log.scope = scope.n AND closed) AS held FROM scope WHERE scope.sealed <> held""",
    ),
    (
        # Where any log of the scope has forked, the next two are not read.
        "log {} continues {} logs and counts {}",
        f"""SELECT log.n, coalesce(before.depth + 1, 0) AS held, log.depth {_LINEAGES}
        AND log.depth <> held""",
    ),
    (
        "log {} reaches back to log {}, not {}",
        f"""SELECT log.n, log.jump, CASE WHEN before.n IS NULL THEN 0
            WHEN before.depth - near.depth = near.depth - far.depth THEN far.n
            ELSE before.n END AS wanted {_LINEAGES} AND log.jump <> wanted""",
    ),
    *(
        (
            f"a {table} of log {{}} is in scope {{}}",
            f"""SELECT log.n, {table}.scope FROM {table} LEFT JOIN log ON log.n = {table}.id >> 40
            WHERE {table}.scope IS NOT log.scope""",  # noqa: S608 - constants only
        )
        for table in ("run", "mark")
    ),
    *(
        (
            f"the {what} of record {{1}} of log {{0}} is kept, which is not held",
            f"""SELECT id >> 40, id & 0xFFFFFFFFFF FROM {table}
            WHERE id NOT IN (SELECT id FROM rec)""",  # noqa: S608 - constants only
        )
        for table, what in (("past", "past"), ("mark", "head"), ("erased", "erasure"))
    ),
    (
        "record {1} of log {0} has a payload and the hash of another",
        """SELECT id >> 40, id & 0xFFFFFFFFFF FROM rec
        WHERE payload IS NOT NULL AND phash IS NOT NULL""",
    ),
    (
        "a member confirmed record {1} of log {0}, which is not held",
        "SELECT log, seq FROM receipt WHERE (log << 40 | seq) NOT IN (SELECT id FROM rec)",
    ),
    (
        "engram {} is not in the index of words and does not wait for it",
        """SELECT n FROM eng WHERE life < 2 AND n NOT IN (SELECT id FROM fts_docsize)
        AND n NOT IN (SELECT n FROM unindexed)""",
    ),
    (
        "the index of words has engram {}, which is deleted or not held",
        """SELECT id FROM fts_docsize WHERE id NOT IN (SELECT n FROM eng WHERE life < 2)
        AND id NOT IN (SELECT n FROM unindexed)""",
    ),
    (
        "engram {} waits for the index of words and is not held",
        "SELECT n FROM unindexed WHERE n NOT IN (SELECT n FROM eng)",
    ),
)


def contradictions(sql: Statements) -> list[str]:
    """What contradicts itself in the store, a sentence each; empty when all is well."""
    damage = [row[0] for row in sql.all(f"PRAGMA integrity_check({_PROBLEMS_MAX})")]
    found = [f"the database: {line}" for line in damage if line != "ok"]
    strangers = sql.all("PRAGMA foreign_key_check")
    found += [f"a row of {row[0]} refers to a missing row of {row[2]}" for row in strangers]
    for claim, query in _CLAIMS:
        found += [claim.format(*row) for row in sql.all(query + _LIMIT)]
    return found
