"""Validity of records: from their bodies and their causal past, and from nothing else.

``RunCheck`` walks the records of one frame (or of one batch of our own) in order.  Almost every
record of a bulk transfer declares no dependencies and supersedes nothing; those are accepted as
columns, without a look at the single record.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from engram_crdt import Dot
from engram_wire import (
    AUTH_UNCHANGED,
    NO_IDS,
    NO_SUPERSEDED,
    InvalidRecordError,
    LimitError,
    LogDomain,
    Record,
    RecordKind,
    Shape,
    decode_auth_untrusted,
    decode_ids_untrusted,
    is_extension_kind,
    is_membership_kind,
    parse_shape_untrusted,
)

from ._batches import Erasure
from ._dots import ReferenceContext, check_dots_untrusted
from ._edits import check_edit_untrusted
from ._endings import (
    check_erase_untrusted,
    check_ratify_untrusted,
    check_seal_untrusted,
    check_void_untrusted,
    counts_until,
)
from ._lineage import NamedPosition, depth_of, extended
from ._logs import LogState
from ._past import Past, encode_past
from ._puts import Put, PutIndex
from ._registry import Registry
from ._resolve import HeldPosition, follow, past_at, place_of_untrusted
from ._resolver import ReferenceResolver, named_at
from ._views import History, PlacedRecord, Rules

_PLAIN = {NO_IDS}, {AUTH_UNCHANGED}, {NO_SUPERSEDED}
_PLAIN_ROW = NO_IDS, AUTH_UNCHANGED, NO_SUPERSEDED
_ORDINARY = frozenset(
    int(kind) for kind in RecordKind if not is_membership_kind(kind) and not is_extension_kind(kind)
)
"""Kinds of data records of which this version knows all that they do."""


@dataclass(slots=True)
class RunCheck:
    """The state of the walk; ``past``, ``hlc`` and ``pasts`` are those after the last good run."""

    registry: Registry
    rules: Rules
    history: History
    log: LogState
    hlc: int
    past: Past
    failed_at: int = 0
    """Position of the record that a failed ``check_untrusted`` stopped at."""
    pasts: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    erased: list[tuple[LogState, int, bytes]] = field(
        default_factory=list[tuple[LogState, int, bytes]]
    )
    """(log, seq, engram) of each record that the accepted ones erase."""
    spared: list[tuple[LogState, int, int]] = field(default_factory=list[tuple[LogState, int, int]])
    """(log, seq) of each record that one of them names and, cut off, does not erase, and of that
    one its position."""
    sealed: list[tuple[LogState, int]] = field(default_factory=list[tuple[LogState, int]])
    """(log, seq) of each log that they end."""
    continues: tuple[int, int] | None = None
    """Number of the newest log that the first record of this one seals, and where."""
    void: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])
    """(log id, last position that stands) of each log of which they void the rest."""
    ratified: list[tuple[LogState, int, int]] = field(
        default_factory=list[tuple[LogState, int, int]]
    )
    """(log, seq) of each record that counts although it is void, and of the record that says so
    its position."""
    before: int | None = None
    """Position of the record that is checked again where it is stored: what follows it in its log
    is not looked at."""
    _undo: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    _fresh: list[Record] = field(default_factory=list[Record])
    """Records of this walk, which the store does not hold yet."""
    _fresh_of: dict[bytes, list[Record]] = field(default_factory=dict[bytes, list[Record]])
    """By engram, those of ``_fresh`` that were sorted and not given to ``_puts`` yet."""
    _sorted: int = 0
    """How many of ``_fresh`` were sorted."""
    _puts: dict[bytes, PutIndex] = field(default_factory=dict[bytes, PutIndex])
    _generations: dict[tuple[bytes, int], Dot] = field(default_factory=dict[tuple[bytes, int], Dot])
    """By log id and position of an edit, the generation that it edits, as it is called here."""
    _plain: tuple[Past, ReferenceResolver] | None = None
    """What references mean with that past, where no clock has to be counted for it."""

    @classmethod
    def begin(cls, registry: Registry, rules: Rules, history: History, log: LogState) -> Self:
        """Start behind the newest position held of ``log``."""
        return cls(registry, rules, history, log, hlc=log.hlc, past=registry.pasts.of(log, history))

    @classmethod
    def again(
        cls, registry: Registry, rules: Rules, history: History, log: LogState, seq: int
    ) -> Self:
        """Stand before record ``seq`` of a log, which is held."""
        past = past_at(registry, log, seq, history)
        return cls(registry, rules, history, log, hlc=0, past=past, before=seq)

    def check_untrusted(self, head: bytes, records: Sequence[Record]) -> None:
        """As ``walk_untrusted``, in one go."""
        for _ in self.walk_untrusted(head, records):
            pass

    def walk_untrusted(self, head: bytes, records: Sequence[Record]) -> Iterator[None]:
        """Accept the records of one run, which follow ``head``; all of them or none.

        Between two steps others may write to the store, but not to this log; that of a membership
        log is walked in one go, because each step changes the rules.

        Raises:
            MissingDependencyError: One names a position that is not held.
            WireError: One is invalid, that at ``failed_at``.  The walk ends here.
        """
        before, applied = self._found(), len(self._undo)
        self._fresh += records
        self.failed_at = records[0].seq
        try:
            if self.log.domain == LogDomain.MEMBERS:
                self._statements_untrusted(head, records)
            else:
                yield from self._changes_untrusted(records)
        except Exception:
            self._forget(before)
            self._revert(applied)
            raise
        self.hlc = records[-1].hlc

    def _found(self) -> tuple[Past, list[int]]:
        return self.past, [len(found) for found in self._lists()]

    def _forget(self, found: tuple[Past, list[int]]) -> None:
        """Go back to what was found when ``_found`` was asked."""
        self.past, lengths = found
        for items, length in zip(self._lists(), lengths, strict=True):
            del items[length:]

    def _lists(self) -> tuple[list[Any], ...]:
        return self.pasts, self.erased, self.spared, self.sealed, self.void, self.ratified

    def held_untrusted(self, record: Record) -> Iterator[None]:
        """Check one record by itself, some of it at every step; see ``again``."""
        yield from self._change_untrusted(record)

    def erasure_untrusted(self, record: Record) -> Erasure:
        """What an erasure that is held erases, as far as is known now.

        Raises:
            WireError: It is not valid; it then erases nothing.
        """
        for _ in self.held_untrusted(record):
            pass
        return Erasure(
            frozenset((part.n, seq) for part, seq, _ in self.erased),
            frozenset((part.n, seq) for part, seq, _ in self.spared),
        )

    def take_undo(self) -> list[Callable[[], None]]:
        """What undoes all that the rules applied, to be called in reverse order."""
        return self._undo

    def revert(self) -> None:
        """Undo everything that the rules applied during this walk."""
        self._revert(0)

    def _revert(self, keep: int) -> None:
        while len(self._undo) > keep:
            self._undo.pop()()

    def _changes_untrusted(self, records: Sequence[Record]) -> Iterator[None]:
        last = records[-1].seq
        standing = records[: max(0, len(records) - (last - self.log.stands(last)))]
        for index in self._remarkable(standing) if standing else ():
            record = standing[index]
            self.failed_at = record.seq
            self._context_untrusted(record)
            yield from self._change_untrusted(record)
            yield
        for record in records[len(standing) :]:
            self.failed_at = record.seq
            yield from self._void_untrusted(record)
            yield

    def _void_untrusted(self, record: Record) -> Iterator[None]:
        """Take a record that is void.  It changes nothing, so it need not be valid: what is not is
        chained, and that is all.  Otherwise whoever refused it could never hold this log again.

        Only a ratify acts where all of its log is void, so there it has to be valid.
        """
        before = self._found()
        try:
            self._context_untrusted(record)
            before = self._found()  # What follows relies on it, whatever else is wrong.
            yield from self._change_untrusted(record)
        except (InvalidRecordError, LimitError):
            if record.shape[0] == RecordKind.RATIFY and not self.log.stands(record.seq):
                raise
            self._forget(before)

    def _remarkable(self, records: Sequence[Record]) -> Iterable[int]:
        """Indices of the records that need a look of their own."""
        begun = self.past.auth != AUTH_UNCHANGED
        if len(records) == 1:
            # A live push: columns of one row cost more than the row.
            only = records[0]
            row = only.deps, only.auth, only.superseded
            plain = begun and row == _PLAIN_ROW and only.shape[0] in _ORDINARY
            return () if plain else (0,)
        columns = zip(*records, strict=True)
        _, _, _, shapes, dots, _, _, deps, auths, _ = columns
        if not {shape[0] for shape in set(shapes)} <= _ORDINARY:
            return range(len(records))
        if begun and (set(deps), set(auths), set(dots)) == _PLAIN:
            return ()
        return [
            index
            for index, each in enumerate(zip(deps, auths, dots, strict=True))
            if each != _PLAIN_ROW or not (index or begun)
        ]

    # -- deps and auth -----------------------------------------------------------------------

    def _context_untrusted(self, record: Record) -> None:
        named: list[NamedPosition] = []
        members = self.log.domain == LogDomain.MEMBERS
        for head in decode_ids_untrusted(record.deps):
            place = self._place_untrusted(record, head)
            if place.log.domain != self.log.domain:
                what = "a membership record" if members else "a data record"
                raise InvalidRecordError(f"{what} depends on a log of the other domain")
            named.append(place.position(self.history))
        auth = self._auth_untrusted(record, named)
        if named:
            seen = extended(self.past.seen, named, self.registry.by_number)
            self.past = Past(seen, auth)
            self.pasts.append((record.seq, encode_past(self.past)))

    def _auth_untrusted(self, record: Record, named: list[NamedPosition]) -> bytes:
        heads = decode_auth_untrusted(record.auth)
        if self.log.domain == LogDomain.MEMBERS:
            if heads is not None:
                raise InvalidRecordError("a membership record names its heads in deps")
            return AUTH_UNCHANGED
        if heads is None:
            if self.past.auth == AUTH_UNCHANGED:
                raise InvalidRecordError("the log's first record states no membership heads")
            return self.past.auth
        for head in heads:
            place = self._place_untrusted(record, head)
            if place.log.domain != LogDomain.MEMBERS:
                raise InvalidRecordError("auth names a position of a data log")
            named.append(place.position(self.history))
        if not self.rules.may_write(self.log.scope, heads, self.log.author):
            raise InvalidRecordError("the author may not write at the membership heads it names")
        return record.auth

    def _place_untrusted(self, record: Record, head: bytes) -> HeldPosition:
        return place_of_untrusted(self.registry, self.history, self.log, record.seq, head)

    # -- what the record does ----------------------------------------------------------------

    def _statements_untrusted(self, head: bytes, records: Sequence[Record]) -> None:
        log = self.log
        for record, after in zip(records, follow(head, records), strict=True):
            self.failed_at = record.seq
            self._context_untrusted(record)
            kind = record.shape[0]
            if not is_membership_kind(kind) and kind != RecordKind.JOIN:
                raise InvalidRecordError(f"a record of kind {kind} in a membership log")
            if record.superseded != NO_SUPERSEDED:
                raise InvalidRecordError("a membership record supersedes dots")
            placed = PlacedRecord(log.scope, log.author, head, record, after)
            self._undo.append(self.rules.apply_untrusted(placed))
            head = after

    def _change_untrusted(self, record: Record) -> Iterator[None]:
        shape = parse_shape_untrusted(record.shape)
        if is_membership_kind(shape.kind):
            raise InvalidRecordError(f"a record of kind {shape.kind} in a data log")
        if record.superseded == NO_SUPERSEDED or shape.kind not in _ORDINARY:
            return  # Of other kinds only the chain, the context and the clocks are known here.
        if shape.kind == RecordKind.JOIN:
            raise InvalidRecordError("a join changes an engram")
        yield from self._references_untrusted(record, shape)

    def _references_untrusted(self, record: Record, shape: Shape) -> Iterator[None]:
        own, named = self.log, self._named_by(record)
        if shape.kind == RecordKind.VOID:
            void = yield from check_void_untrusted(record, own, named)
            self.void += void
            return
        if shape.kind == RecordKind.SEAL:
            sealed = yield from check_seal_untrusted(record, own, named)
            if record.seq == 1 and sealed:
                last, until = max(sealed, key=self._newness)
                self.continues = last.n, until
            self.sealed += sealed
            return
        context = ReferenceContext(named, self._puts_before(record), self._log_of)
        if shape.kind == RecordKind.RATIFY:
            yield from self._ratify_untrusted(record, context)
        elif shape.kind == RecordKind.ERASE:
            erased = yield from check_erase_untrusted(record, own, context, self._leads)
            self._erase(record.seq, [(*each, record.engram) for each in erased])
        elif shape.kind == RecordKind.EDIT:
            self._generations[own.id, record.seq] = yield from check_edit_untrusted(
                record,
                own,
                len(shape.collections),
                context,
                lambda log, put: self._generation_of(log, put, context.puts),
            )
        else:
            yield from check_dots_untrusted(record, shape, context, self._same_agent)

    def _ratify_untrusted(self, record: Record, context: ReferenceContext) -> Iterator[None]:
        """Check the records that a ratify names as they were, or would have been, when they came:
        against their own past and what their log held before them.
        """
        ratified = yield from check_ratify_untrusted(record, self.log, context)
        for log, seq in ratified:
            named = self.history.records(log.n, seq, seq)[0]
            if named.shape[0] == RecordKind.RATIFY:
                raise InvalidRecordError("a ratify of a ratify")
            check = RunCheck.again(self.registry, self.rules, self.history, log, seq)
            yield from check.held_untrusted(named)
            self._erase(record.seq, check.erased)
            self.ratified.append((log, seq, record.seq))
            yield

    def _erase(self, by: int, erased: Sequence[tuple[LogState, int, bytes]]) -> None:
        """Who was put out before it erased something erases what it wrote itself, no more."""
        own = [each for each in erased if each[0].author == self.log.author]
        if len(own) == len(erased) or by <= self._counts_until():
            self.erased += erased
            return
        self.erased += own
        author = self.log.author
        self.spared += [(part, seq, by) for part, seq, _ in erased if part.author != author]

    def _counts_until(self) -> int:
        fresh = None if self.log.seq else self._fresh[0]
        return counts_until(self.registry, self.rules, self.history, self.log, fresh)

    def _newness(self, end: tuple[LogState, int]) -> tuple[int, int, bytes]:
        log, until = end
        return depth_of(log, self.registry.by_number), until, log.id

    def _named_by(self, record: Record) -> ReferenceResolver:
        """What the references of a record mean; the same for all while nothing is forked."""
        if self._plain is not None and self._plain[0] is self.past:
            return self._plain[1]
        named = named_at(self.registry, self.log, self.past, lambda: self._puts_before(record))
        if not self.registry.scope(self.log.scope).branches:
            self._plain = self.past, named
        return named

    def _log_of(self, log: bytes) -> LogState:
        if log == self.log.id:
            return self.log
        state = self.registry.log(log, self.log.scope)
        if state is None:
            raise InvalidRecordError(f"log {log.hex()[:16]} is not in this engram")
        return state

    def _leads(self) -> bool:
        heads = decode_auth_untrusted(self.past.auth)
        return heads is not None and self.rules.leads_at(self.log.scope, heads, self.log.author)

    def _same_agent(self, other: LogState) -> bool:
        scope = self.log.scope
        heads = decode_auth_untrusted(self.past.auth)
        if heads is None:
            return False
        mine, theirs = (
            self.rules.agent_at(scope, heads, key) for key in (self.log.author, other.author)
        )
        return mine == theirs

    def _generation_of(self, log: bytes, put: Put, puts: PutIndex) -> Dot:
        """The generation of inserted text, as its own record means it."""
        found = self._generations.get((log, put.seq))
        if found is None:
            assert put.generation is not None, "only inserted text is asked for"
            of = self._log_of(log)
            past = past_at(self.registry, of, put.seq, self.history)
            found = named_at(self.registry, of, past, lambda: puts).dot(*put.generation)
            self._generations[log, put.seq] = found
        return found

    def _puts_before(self, record: Record) -> PutIndex:
        """The puts of the record's engram, all that is stored and what this walk adds before it."""
        for fresh in self._fresh[self._sorted :]:
            self._fresh_of.setdefault(fresh.engram, []).append(fresh)
        self._sorted = len(self._fresh)
        puts = self._puts.get(record.engram)
        if puts is None:
            end = None if self.before is None else (self.log, self.before)
            puts = self._puts[record.engram] = PutIndex(self.history, record.engram, end)
        waiting = self._fresh_of.get(record.engram, [])
        before = bisect_left(waiting, record.seq, key=lambda fresh: fresh.seq)
        for fresh in waiting[:before]:
            puts.add(self.log, fresh)
        del waiting[:before]
        return puts
