"""``Reader`` in SQL."""

import json
from collections.abc import Collection, Iterable, Sequence
from heapq import merge
from itertools import islice

import apsw

from engram_wire import Record, payload_hash

from ._database import Row
from ._limits import LOG_SEQ_BITS, LOG_SEQ_MASK
from ._rows import EngramRow, LogRow, PeerRow, RunRow, ScopeRow
from ._statements import Statements

_SCOPE = (
    "SELECT n, id, kind, secret, current, materialised, digest, live, deleted, records FROM scope"
)
_LOG = "SELECT n, id, scope, domain, author, incarnation, seq, head, hlc FROM log"
_RUN = "SELECT arrival, scope, id >> 40, first, id & 0xFFFFFFFFFF, head, sig FROM run"
_ENGRAM = (
    "SELECT n, scope, eid, log, seq, records, hlc, life, conflict, state, view, digest FROM eng"
)
_UNINDEXED = " WHERE n IN (SELECT n FROM unindexed ORDER BY n LIMIT ?) ORDER BY n"
_PEER = "SELECT key, label, address, via, last_success, failures, error FROM peer"
_RECORD = "SELECT rec.id, eid, rec.hlc, shape, sups, payload, phash, deps, auth FROM rec"

_OF_ONE_ENGRAM = """ JOIN log ON log.n = rec.id >> 40 WHERE eid = ? AND log.scope = ?
    ORDER BY (SELECT arrival FROM run WHERE run.id BETWEEN rec.id AND rec.id | 0xFFFFFFFFFF
        ORDER BY run.id LIMIT 1) NULLS LAST, rec.id"""

EMPTY_LIST = b"\x80"
UNCHANGED = b"\xf6"
_ID_HEX_DIGITS = 32


def _scope_row(row: Row) -> ScopeRow:
    return ScopeRow(*row)._replace(current=bool(row[4]), digest=int.from_bytes(row[6], "big"))


def _newest_first(row: EngramRow) -> tuple[int, int]:
    return (-row.hlc, -row.n)


class SqlReader:
    """See ``Reader``, which states what each method promises."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements

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

    # Runs and records

    def runs(self, scope: int, after_arrival: int, limit: int) -> list[RunRow]:
        sql = _RUN + " WHERE scope = ? AND arrival > ? ORDER BY arrival LIMIT ?"
        return [RunRow(*row) for row in self._sql.all(sql, (scope, after_arrival, limit))]

    def last_arrival(self, scope: int) -> int:
        return self._sql.number(
            "SELECT coalesce(max(arrival), 0) FROM run WHERE scope = ?", (scope,)
        )

    def run_by_head(self, scope: int, head: bytes) -> RunRow | None:
        sql = _RUN + " WHERE substr(head, 1, 8) = ? AND head = ? AND scope = ?"
        row = self._sql.one(sql, (head[:8], head, scope))
        return None if row is None else RunRow(*row)

    def run_at(self, log: int, seq: int) -> RunRow | None:
        row = self._sql.one(_RUN + " WHERE id = ?", (log << LOG_SEQ_BITS | seq,))
        return None if row is None else RunRow(*row)

    def run_before(self, log: int, seq: int) -> RunRow | None:
        base = log << LOG_SEQ_BITS
        sql = _RUN + " WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1"
        row = self._sql.one(sql, (base, base | seq))
        return None if row is None else RunRow(*row)

    def runs_of(self, log: int, after_seq: int, limit: int) -> list[RunRow]:
        base = log << LOG_SEQ_BITS
        sql = _RUN + " WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
        bindings = (base | after_seq, base | LOG_SEQ_MASK, limit)
        return [RunRow(*row) for row in self._sql.all(sql, bindings)]

    def records(self, log: int, first: int, last: int) -> list[Record]:
        base = log << LOG_SEQ_BITS
        sql = _RECORD + " WHERE id BETWEEN ? AND ? ORDER BY id"
        rows = self._sql.all(sql, (base | first, base | last))
        return [record for _, record in self._decoded(rows)]

    def records_of(self, scope: int, engram: bytes) -> list[tuple[int, Record]]:
        # A record without a run was put by this very transaction: it is the newest.
        sql = _RECORD + _OF_ONE_ENGRAM
        return self._decoded(self._sql.all(sql, (engram, scope)))

    def past(self, log: int, seq: int) -> bytes | None:
        base = log << LOG_SEQ_BITS
        sql = "SELECT vector FROM past WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"
        row = self._sql.one(sql, (base, base | seq))
        return None if row is None else row[0]

    def _decoded(self, rows: Iterable[Row]) -> list[tuple[int, Record]]:
        shapes = self._sql.shapes.by_number
        found: list[tuple[int, Record]] = []
        for row_id, engram, hlc, shape, superseded, payload, digest, deps, auth in rows:
            record = Record(
                row_id & LOG_SEQ_MASK,
                engram,
                hlc,
                shapes.get(shape) or self._load_shape(shape),
                EMPTY_LIST if superseded is None else superseded,
                payload,
                digest if payload is None else payload_hash(payload),
                EMPTY_LIST if deps is None else deps,
                UNCHANGED if auth is None else auth,
            )
            found.append((row_id >> LOG_SEQ_BITS, record))
        return found

    def _load_shape(self, number: int) -> bytes:
        row = self._sql.one("SELECT b FROM shape WHERE id = ?", (number,))
        if row is None:
            # Records and their shapes are committed together.
            raise apsw.CorruptError(f"a record refers to shape {number}, which is missing")
        shape: bytes = row[0]
        self._sql.shapes.by_number[number] = shape
        return shape

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

    def unindexed(self) -> int:
        return self._sql.number("SELECT count(*) FROM unindexed")

    def unindexed_engrams(self, limit: int) -> list[EngramRow]:
        return [EngramRow(*row) for row in self._sql.all(_ENGRAM + _UNINDEXED, (limit,))]

    # Peers

    def peers(self) -> list[PeerRow]:
        return [PeerRow(*row) for row in self._sql.all(_PEER + " ORDER BY key")]

    def peer(self, key: bytes) -> PeerRow | None:
        row = self._sql.one(_PEER + " WHERE key = ?", (key,))
        return None if row is None else PeerRow(*row)
