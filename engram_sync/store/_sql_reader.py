"""``Reader`` in SQL."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice, starmap

import apsw

from engram_wire import Record, parse_shape_untrusted

from ._database import Row
from ._limits import LOG_SEQ_BITS, LOG_SEQ_MASK
from ._rows import (
    ElementRow,
    EngramRow,
    Erasable,
    LogRow,
    PartRow,
    PeerRow,
    ReceiptRow,
    ScopeRow,
    Size,
    TextRow,
)
from ._sql_records import RECORD, SqlRecords, row_ids, taken_by
from ._words import has_words

_SCOPE = (
    "SELECT n, id, kind, secret, current, materialised, digest, live, deleted, records,"
    " changes, sealed, sealed_sum FROM scope"
)
_LOG = (
    "SELECT n, id, scope, domain, author, incarnation, seq, head, hlc, parent, base, branch, "
    "sealed, follows, until, depth, jump FROM log"
)
_ENGRAM = (
    "SELECT n, scope, eid, log, seq, records, hlc, created, born, changed, life, conflict, live,"
    " dead, erased, digest FROM eng"
)
_UNINDEXED = " WHERE n IN (SELECT n FROM unindexed ORDER BY n LIMIT ?) ORDER BY n"
_PEER = "SELECT key, label, address, via, last_success, failures, error FROM peer"
_NOT_CONFIRMED = """SELECT DISTINCT log, seq FROM receipt AS one WHERE scope = ?1 AND NOT EXISTS
    (SELECT 1 FROM receipt WHERE scope = ?1 AND log = one.log AND seq = one.seq AND key = ?2)"""
_OPEN = """SELECT min(at) AS asked, log, seq, count(*) OVER () FROM receipt WHERE scope = ?
    GROUP BY log, seq HAVING sum(hex(key) NOT IN (SELECT value FROM json_each(?))) < ?
    ORDER BY asked DESC, log DESC, seq DESC LIMIT ?"""
_ID_HEX_DIGITS = 32


def _scope_row(row: Row) -> ScopeRow:
    return ScopeRow(*row)._replace(
        current=bool(row[4]),
        digest=int.from_bytes(row[6], "big"),
        sealed_sum=int.from_bytes(row[12], "big"),
    )


def _newest_first(row: EngramRow) -> tuple[int, int]:
    return (-row.hlc, -row.n)


_ELEMENT = """SELECT log, clk, seq, coll, born, digest, life, grp, val, grp2, val2
    FROM elem WHERE n = ?"""
_LIVE = " WHERE rec.id IN (SELECT log << 40 | seq FROM elem WHERE n = ?)"
_RECORDS = RECORD.replace(" FROM", ", clk FROM") + _LIVE

# By the clocks that each can have taken: a few steps, however much of the engram is live.
_LIVE_OF = """SELECT rec.clk, elem.log, elem.clk, elem.seq, coll, born, digest, life,
    grp, val, grp2, val2 FROM json_each(?1) CROSS JOIN rec ON rec.id = value
    CROSS JOIN elem ON n = ?2 AND log = rec.id >> 40 AND elem.clk >= rec.clk
    AND elem.clk < rec.clk + ?3 WHERE elem.seq = rec.id & 0xFFFFFFFFFF"""

# The size of a payload is known without reading it.
_ERASABLE = """SELECT rec.id, ifnull(length(payload), 0), shape.b FROM json_each(?)
    CROSS JOIN rec ON rec.id = value JOIN shape ON shape.id = rec.shape
    WHERE NOT EXISTS (SELECT 1 FROM erased WHERE erased.id = rec.id)"""


class SqlReader(SqlRecords):
    """Implements ``Reader``, which states what each method promises."""

    def meta(self, key: str) -> bytes | None:
        row = self._sql.one("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else row[0]

    def scopes(self) -> list[ScopeRow]:
        return [_scope_row(row) for row in self._sql.all(_SCOPE + " ORDER BY n")]

    def scope(self, n: int) -> ScopeRow | None:
        row = self._sql.one(_SCOPE + " WHERE n = ?", (n,))
        return None if row is None else _scope_row(row)

    def logs(self) -> list[LogRow]:
        return [LogRow(*row) for row in self._sql.all(_LOG + " ORDER BY n")]

    def logs_of(self, scope: int, *, closed: bool) -> list[LogRow]:
        wanted = " WHERE scope = ?" if closed else " WHERE scope = ? AND closed = 0"
        return [LogRow(*row) for row in self._sql.all(_LOG + wanted + " ORDER BY n", (scope,))]

    def last_log(self) -> int:
        return self._sql.number("SELECT coalesce(max(n), 0) FROM log")

    def closed_positions(self, scope: int) -> list[tuple[bytes, int, bytes]]:
        sql = "SELECT id, seq, head FROM log WHERE scope = ? AND closed = 1"
        return [(log, seq, head) for log, seq, head in self._sql.all(sql, (scope,))]

    def log(self, n: int) -> LogRow | None:
        row = self._sql.one(_LOG + " WHERE n = ?", (n,))
        return None if row is None else LogRow(*row)

    def log_by_id(self, log: bytes) -> LogRow | None:
        row = self._sql.one(_LOG + " WHERE id = ?", (log,))
        return None if row is None else LogRow(*row)

    def branches(self, scope: int) -> list[LogRow]:
        wanted = " WHERE scope = ? AND parent IS NOT NULL ORDER BY n"
        return [LogRow(*row) for row in self._sql.all(_LOG + wanted, (scope,))]

    def size(self) -> Size:
        page_bytes = self._sql.number("PRAGMA page_size")
        pages = self._sql.number("PRAGMA page_count")
        return Size(pages * page_bytes, self._sql.number("PRAGMA freelist_count") * page_bytes)

    # Engrams

    def engram(self, scope: int, engram: bytes) -> EngramRow | None:
        row = self._sql.one(_ENGRAM + " WHERE scope = ? AND eid = ?", (scope, engram))
        return None if row is None else EngramRow(*row)

    def engram_by_n(self, n: int) -> EngramRow | None:
        row = self._sql.one(_ENGRAM + " WHERE n = ?", (n,))
        return None if row is None else EngramRow(*row)

    def engrams(
        self,
        scope: int | None = None,
        *,
        after: EngramRow | None = None,
        limit: int,
        life: Collection[int] = (0,),
        since_hlc: int = 0,
    ) -> list[EngramRow]:
        # One index walk per (scope, life), merged: the index yields each in the wanted order, so
        # that a page costs its own length and not the length of the table.
        before = (1 << 63) - 1 if after is None else after.hlc
        before_n = (1 << 63) - 1 if after is None else after.n
        sql = _ENGRAM + (
            " WHERE scope = ? AND life = ? AND hlc >= ? AND (hlc, n) < (?, ?)"
            " ORDER BY hlc DESC, n DESC LIMIT ?"
        )
        walks: list[list[EngramRow]] = []
        for number in self._scope_numbers(scope):
            for state in sorted(set(life)):
                bindings = (number, state, since_hlc, before, before_n, limit)
                walks.append([EngramRow(*row) for row in self._sql.all(sql, bindings)])
        return list(islice(merge(*walks, key=_newest_first), limit))

    def find(self, prefix: str, *, scope: int | None = None, limit: int = 2) -> list[EngramRow]:
        low = bytes.fromhex(prefix.ljust(_ID_HEX_DIGITS, "0"))
        high = bytes.fromhex(prefix.ljust(_ID_HEX_DIGITS, "f"))
        sql = _ENGRAM + " WHERE scope = ? AND eid BETWEEN ? AND ? ORDER BY eid LIMIT ?"
        found: list[EngramRow] = []
        for number in self._scope_numbers(scope):
            found += [EngramRow(*row) for row in self._sql.all(sql, (number, low, high, limit))]
        return sorted(found, key=lambda row: (row.engram, row.scope))[:limit]

    def conflicted(self, scope: int | None = None) -> list[EngramRow]:
        sql = _ENGRAM + " WHERE scope = ? AND conflict <> 0 ORDER BY hlc DESC, n DESC"
        found: list[EngramRow] = []
        for number in self._scope_numbers(scope):
            found += [EngramRow(*row) for row in self._sql.all(sql, (number,))]
        return found

    def conflicted_count(self, scope: int) -> int:
        return self._sql.number(
            "SELECT count(*) FROM eng WHERE scope = ? AND conflict <> 0", (scope,)
        )

    def _scope_numbers(self, scope: int | None) -> list[int]:
        if scope is not None:
            return [scope]
        return [row[0] for row in self._sql.all("SELECT n FROM scope ORDER BY n")]

    # Search

    def search(
        self,
        terms: Sequence[str],
        *,
        limit: int,
        scopes: Collection[int] | None = None,
        since_hlc: int = 0,
    ) -> list[tuple[int, float]]:
        # Quoted, so that nothing in a term is an operator; a NUL would end the expression.
        quoted = ['"' + term.replace("\0", " ").replace('"', '""') + '"' for term in terms]
        if not quoted:
            return []
        match = " OR ".join(quoted)
        if scopes is None and not since_hlc:
            sql = "SELECT rowid, rank FROM fts WHERE fts MATCH ? ORDER BY rank LIMIT ?"
            return [(n, rank) for n, rank in self._sql.all(sql, (match, limit))]
        sql = """SELECT fts.rowid, fts.rank FROM fts JOIN eng ON eng.n = fts.rowid
            WHERE fts MATCH ?1 AND eng.hlc >= ?2
                AND (?3 IS NULL OR eng.scope IN (SELECT value FROM json_each(?3)))
            ORDER BY fts.rank LIMIT ?4"""
        within = None if scopes is None else json.dumps(sorted(scopes))
        return [(n, rank) for n, rank in self._sql.all(sql, (match, since_hlc, within, limit))]

    def document_frequency(self, term: str) -> int:
        # The vocabulary holds stems; the index's own tokeniser makes them.  A term of several
        # tokens is a phrase and at most as frequent as its rarest token.
        tokenise = self._sql.connection.fts5_tokenizer("porter", ["unicode61"])
        tokens = tokenise(term.encode(), apsw.FTS5_TOKENIZE_QUERY, None, include_offsets=False)
        frequencies: list[int] = []
        for token in {colocated for group in tokens for colocated in group}:
            row = self._sql.one("SELECT doc FROM vocabulary WHERE term = ?", (token,))
            frequencies.append(0 if row is None else row[0])
        return min(frequencies, default=0)

    def indexed_as(self, n: int, texts: Sequence[str]) -> bool:
        return has_words(self._sql, n, texts)

    def unindexed(self) -> int:
        return self._sql.number("SELECT count(*) FROM unindexed")

    def unindexed_engrams(self, limit: int) -> list[EngramRow]:
        return [EngramRow(*row) for row in self._sql.all(_ENGRAM + _UNINDEXED, (limit,))]

    def newest_clocks(self) -> list[tuple[int, bytes, int]]:
        # Of a bare column beside max(), SQLite takes the value of the row that has the largest.
        sql = """SELECT scope, author, hlc, max(n) FROM log
            WHERE domain = 0 AND closed = 0 AND seq > sealed
            GROUP BY scope, author ORDER BY scope, author"""
        return [(scope, author, hlc) for scope, author, hlc, _ in self._sql.all(sql)]

    def open_logs(self) -> list[tuple[int, bytes, int]]:
        sql = """SELECT scope, author, count(*) FROM log
            WHERE domain = 0 AND closed = 0 AND seq > sealed
            GROUP BY scope, author ORDER BY scope, author"""
        return [(scope, author, count) for scope, author, count in self._sql.all(sql)]

    # What is missing, void or gone

    def voids(self) -> list[tuple[int, bytes, bytes, int]]:
        rows = self._sql.all("SELECT scope, log, author, last FROM void ORDER BY log, author")
        return [(scope, log, author, last) for scope, log, author, last in rows]

    def void_after(self, log: int) -> int | None:
        row = self._sql.one(
            """SELECT last FROM log JOIN void ON void.log = log.id AND void.author = log.author
            WHERE log.n = ?""",
            (log,),
        )
        return None if row is None else int(row[0])

    def cut(self, log: int) -> int | None:
        row = self._sql.one("SELECT last FROM cut WHERE log = ?", (log,))
        return None if row is None else int(row[0])

    def cuts(self) -> dict[int, int]:
        return {int(row[0]): int(row[1]) for row in self._sql.all("SELECT log, last FROM cut")}

    def beyond_cuts(self, scope: int) -> int:
        sql = """SELECT coalesce(sum(seq - max(last, base)), 0) FROM cut JOIN log ON n = cut.log
            WHERE scope = ? AND seq > max(last, base)"""
        return self._sql.number(sql, (scope,))

    def counts_until(self, log: int) -> int | None:
        ends = [end for end in (self.void_after(log), self.cut(log)) if end is not None]
        return min(ends, default=None)

    def counts(self, log: int, seq: int) -> bool:
        void, cut = self.void_after(log), self.cut(log)
        if cut is not None and seq > cut:
            return False
        return void is None or seq <= void or any(starmap(self._acts, self.ratifies(log, seq)))

    def _acts(self, log: int, seq: int) -> bool:
        """Whether a ratify counts; in a log that is void as a whole it does all the same."""
        ends = self.void_after(log) or seq, self.cut(log)
        return all(end is None or seq <= end for end in ends)

    def ratifies(self, log: int, seq: int) -> list[tuple[int, int]]:
        sql = "SELECT saying FROM ratified WHERE id = ?"
        found = self._sql.all(sql, (log << LOG_SEQ_BITS | seq,))
        return [(saying >> LOG_SEQ_BITS, saying & LOG_SEQ_MASK) for (saying,) in found]

    def erased(self, log: int, seqs: Iterable[int]) -> set[int]:
        sql = "SELECT 1 FROM erased WHERE id = ?"
        base = log << LOG_SEQ_BITS
        return {seq for seq in seqs if self._sql.one(sql, (base | seq,)) is not None}

    def erasable(self, positions: Iterable[tuple[int, int]]) -> Iterator[Erasable]:
        ids = row_ids(positions)
        for row_id, size, shape in self._sql.all(_ERASABLE, (str(ids),)):
            puts = len(parse_shape_untrusted(shape).collections)
            yield Erasable(row_id >> LOG_SEQ_BITS, row_id & LOG_SEQ_MASK, puts, size)

    def erased_between(self, log: int, first: int, last: int) -> set[int]:
        base = log << LOG_SEQ_BITS
        sql = "SELECT id FROM erased WHERE id BETWEEN ? AND ?"
        return {row[0] & LOG_SEQ_MASK for row in self._sql.all(sql, (base | first, base | last))}

    def unconfirmed(self, scope: int, log: int, upto: int, key: bytes, own: bytes) -> list[int]:
        sql = """SELECT seq FROM receipt WHERE scope = ?1 AND key = ?5 AND log = ?2 AND seq <= ?3
            AND seq > (SELECT coalesce(max(seq), 0) FROM receipt
                WHERE scope = ?1 AND key = ?4 AND log = ?2)"""
        return [row[0] for row in self._sql.all(sql, (scope, log, upto, key, own))]

    def owed(self, scope: int, limit: int) -> list[tuple[int, int, int]]:
        rows = self._sql.all(
            "SELECT n, id FROM owed WHERE scope = ? ORDER BY id LIMIT ?", (scope, limit)
        )
        return [(n, row_id >> LOG_SEQ_BITS, row_id & LOG_SEQ_MASK) for n, row_id in rows]

    def owed_of(self, n: int) -> int:
        return self._sql.number("SELECT count(*) FROM owed WHERE n = ?", (n,))

    def owed_by(self, n: int) -> set[tuple[int, int]]:
        rows = self._sql.all("SELECT id FROM owed WHERE n = ?", (n,))
        return {(row_id >> LOG_SEQ_BITS, row_id & LOG_SEQ_MASK) for (row_id,) in rows}

    def owed_count(self, scope: int) -> int:
        return self._sql.number("SELECT count(*) FROM owed WHERE scope = ?", (scope,))

    def receipts(self, scope: int, log: int, seq: int) -> list[ReceiptRow]:
        sql = """SELECT scope, log, seq, key, at FROM receipt
            WHERE scope = ? AND log = ? AND seq = ? ORDER BY key"""
        return [ReceiptRow(*row) for row in self._sql.all(sql, (scope, log, seq))]

    def not_confirmed(self, scope: int, key: bytes) -> list[tuple[int, int]]:
        sql = "SELECT count(*) FROM receipt WHERE scope = ? AND key = ?"
        if self._sql.number(sql, (scope, key)) == self._erasures(scope):
            return []
        return [(log, seq) for log, seq in self._sql.all(_NOT_CONFIRMED, (scope, key))]

    def open_erasures(
        self, scope: int, keys: Collection[bytes], limit: int
    ) -> tuple[list[tuple[int, int, int]], int]:
        sql = "SELECT key, count(*) FROM receipt WHERE scope = ? GROUP BY key"
        held: dict[bytes, int] = dict(self._sql.all(sql, (scope,)))
        number = self._erasures(scope)
        if all(held.get(key) == number for key in keys) or not number:
            return [], 0
        others = json.dumps([key.hex().upper() for key in held.keys() - set(keys)])
        rows = self._sql.all(_OPEN, (scope, others, len(keys), limit))
        return [row[:3] for row in rows], rows[0][3]

    def _erasures(self, scope: int) -> int:
        """How many erasures of a scope have a receipt."""
        sql = "SELECT count(*) FROM (SELECT DISTINCT log, seq FROM receipt WHERE scope = ?)"
        return self._sql.number(sql, (scope,))

    # Peers

    def peers(self) -> list[PeerRow]:
        return [PeerRow(*row) for row in self._sql.all(_PEER + " ORDER BY key")]

    def peer(self, key: bytes) -> PeerRow | None:
        row = self._sql.one(_PEER + " WHERE key = ?", (key,))
        return None if row is None else PeerRow(*row)

    # Live elements

    def elements(self, n: int) -> list[ElementRow]:
        return [ElementRow(*row) for row in self._sql.all(_ELEMENT, (n,))]

    def bodies(self, n: int) -> list[tuple[int, int]]:
        sql = "SELECT log, clk FROM elem INDEXED BY elem_body WHERE n = ? AND coll = 'r/body'"
        return [(log, clock) for log, clock in self._sql.all(sql, (n,))]

    def live_records(self, n: int) -> list[tuple[int, int, Record]]:
        rows = self._sql.all(_RECORDS, (n,))
        found = self._decoded(row[:-1] for row in rows)
        return [(log, rows[i][-1], record) for i, (log, record) in enumerate(found)]

    def live_of(
        self, n: int, positions: Iterable[tuple[int, int]], puts: int
    ) -> list[tuple[int, ElementRow]]:
        ids = row_ids(positions)
        rows = self._sql.all(_LIVE_OF, (str(ids), n, puts))
        return [(first, ElementRow(*row)) for first, *row in rows]

    def is_live(self, n: int, log: int, seq: int) -> bool:
        first = self.first_clock(log, seq)
        records = self._records(log, seq, seq)
        end = first + sum(taken_by(r.shape, r.superseded) for r in records)
        sql = "SELECT EXISTS (SELECT 1 FROM elem WHERE n = ? AND log = ? AND clk >= ? AND clk < ?)"
        return bool(self._sql.number(sql, (n, log, first, end)))

    def heaviest_life(self, n: int) -> bytes | None:
        sql = """SELECT life FROM elem INDEXED BY elem_life
            WHERE n = ? AND life IS NOT NULL ORDER BY life DESC LIMIT 1"""
        row = self._sql.one(sql, (n,))
        return None if row is None else row[0]

    def contested_classes(self, n: int) -> set[int]:
        sql = "SELECT grp FROM contested WHERE n = ? AND grp >= ? ORDER BY grp LIMIT 1"
        found: set[int] = set()
        begin = b"\x00"
        while (row := self._sql.one(sql, (n, begin))) is not None:
            found.add(row[0][0])
            begin = bytes((row[0][0] + 1,))
        return found

    def contested(self, n: int) -> set[bytes]:
        return {row[0] for row in self._sql.all("SELECT grp FROM contested WHERE n = ?", (n,))}

    def parts(self, n: int) -> list[PartRow]:
        sql = "SELECT log, clk, seq FROM part WHERE n = ? ORDER BY log"
        return [PartRow(*row) for row in self._sql.all(sql, (n,))]

    def part(self, n: int, log: int) -> PartRow | None:
        row = self._sql.one("SELECT log, clk, seq FROM part WHERE n = ? AND log = ?", (n, log))
        return None if row is None else PartRow(*row)

    def text(self, n: int) -> TextRow | None:
        sql = "SELECT shown, orphans, changed, since FROM text WHERE n = ?"
        row = self._sql.one(sql, (n,))
        return None if row is None else TextRow(*row)

    def text_bytes(self, n: int) -> int:
        sql = "SELECT coalesce(max(length(state)), 0) FROM text_structure WHERE n = ?"
        return self._sql.number(sql, (n,))

    def text_structure(self, n: int) -> tuple[bytes, list[tuple[int, int]]] | None:
        row = self._sql.one("SELECT state FROM text_structure WHERE n = ?", (n,))
        if row is None:
            return None
        since = self._sql.all("SELECT id FROM text_since WHERE n = ? ORDER BY place", (n,))
        return row[0], [(place >> LOG_SEQ_BITS, place & LOG_SEQ_MASK) for (place,) in since]
