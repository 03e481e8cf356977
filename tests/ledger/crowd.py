"""A scope in which one author's history forks again and again, and others go on writing.

Who forks is a node that was copied: each copy goes on in the same log, unaware of the others.  The
honest ones see different branches and refer to what they see.  What a reference was meant to name
is written down as chain ids, which no later fork can rename.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from engram_crdt import Dot
from engram_sync.ledger import (
    NO_ENGRAM,
    Draft,
    GapError,
    LogState,
    MissingDependencyError,
    ReferenceResolver,
)
from engram_wire import (
    Edit,
    EditInsert,
    LogDomain,
    Record,
    RecordKind,
    Reference,
    SignatureError,
    Span,
    Superseded,
    cbor,
    clocks_taken,
    decode_edit_untrusted,
    decode_superseded_untrusted,
    extend,
    parse_shape_untrusted,
)
from tests.ledger.replica import Replica, create, engram_id, update

ENGRAMS = 2

Unit = tuple[bytes, int]
"""Chain id of a record, and which of its clocks."""


@dataclass
class Atlas:
    """All that one replica holds of a scope, by names that no fork changes."""

    units: dict[tuple[bytes, Dot], Unit] = field(default_factory=dict[tuple[bytes, Dot], Unit])
    """By engram and dot as the replica calls it."""
    collections: dict[tuple[bytes, Dot], str] = field(default_factory=dict[tuple[bytes, Dot], str])
    heads: dict[tuple[int, int], bytes] = field(default_factory=dict[tuple[int, int], bytes])
    """Chain ids by log number and position."""
    records: dict[bytes, tuple[LogState, Record]] = field(
        default_factory=dict[bytes, tuple[LogState, Record]]
    )

    @classmethod
    def of(cls, who: Replica, scope: bytes) -> "Atlas":
        atlas = cls()
        for log in who.ledger.logs(scope):
            if log.domain != LogDomain.DATA:
                continue
            head = log.id if log.parent is None else log.parent.head
            clocks: dict[bytes, int] = {}
            for record in who.shelf.rows[log.n]:
                head = extend(head, record)
                atlas.heads[log.n, record.seq] = head
                atlas.records[head] = (log, record)
                shape = parse_shape_untrusted(record.shape)
                for unit in range(clocks_taken(shape, record.superseded)):
                    clock = clocks.get(record.engram, 0)
                    clocks[record.engram] = clock + 1
                    key = record.engram, Dot(log.id, clock)
                    atlas.units[key] = head, unit
                    edit = shape.kind == RecordKind.EDIT
                    atlas.collections[key] = "x/body" if edit else shape.collections[unit]
        return atlas

    def dots(self, engram: bytes, *prefixes: str) -> list[Dot]:
        """The dots of an engram in those collections."""
        found = [(key, name) for key, name in self.collections.items() if key[0] == engram]
        return sorted(dot for (_, dot), name in found if name.startswith(prefixes))


@dataclass
class Crowd:
    rng: random.Random
    honest: list[Replica] = field(default_factory=list[Replica])
    copies: list[Replica] = field(default_factory=list[Replica])
    """Of the node that forks, the original first."""
    scope: bytes = b""
    meant: dict[bytes, frozenset[object]] = field(default_factory=dict[bytes, frozenset[object]])
    """By chain id of a record, what its author meant it to name."""

    def begin(self) -> None:
        self.honest = [Replica(f"honest {self.rng.random()}") for _ in range(3)]
        mal = Replica(f"mal {self.rng.random()}")
        first = self.honest[0]
        self.scope = first.found(self.rng.choice(["agent", "collective"]))
        for other in [*self.honest[1:], mal]:
            first.admit(self.scope, other.key)
        for other in [*self.honest[1:], mal]:
            other.take_all(first, self.scope)
        self.copies = [mal]
        if self.rng.random() < 0.7:
            self.write(mal)

    def copy_one(self) -> None:
        """One more copy of one of the copies: a fork, or a fork of a branch."""
        if len(self.copies) < 5:
            copied = self.rng.choice(self.copies).reopened()
            copied.random = random.Random(f"{self.rng.random()}")
            copied.now_ms += self.rng.randint(0, 5)
            self.copies.append(copied)

    # -- writing -----------------------------------------------------------------------------

    def write(self, who: Replica) -> None:
        drafts: list[Draft] = []
        if self.rng.random() < 0.1:
            drafts += self.renew(who)
        atlas = Atlas.of(who, self.scope)
        own = who.open(self.scope)
        number = self.rng.randint(1, 3)
        for _ in range(number):
            drafts.append(self.draft(atlas, who, own, engram_id(1 + self.rng.randrange(ENGRAMS))))
        batch = who.write(self.scope, *drafts)
        after, drafts = Atlas.of(who, self.scope), drafts[-number:]
        records = batch.records[-number:]
        for draft, record in zip(drafts, records, strict=True):
            head = after.heads[batch.log.n, record.seq]
            self.meant[head] = self.meaning(after, who, own, draft, record)

    def renew(self, who: Replica) -> list[Draft]:
        """A new incarnation, which seals what it knows of its older ones."""
        logs = who.ledger.logs(self.scope)
        data = [x for x in logs if x.author == who.key and x.domain == LogDomain.DATA]
        who.incarnation = self.rng.randbytes(16)
        ends = [Superseded(0, log.id, log.seq) for log in data if log.seq and not log.children]
        return [Draft(RecordKind.SEAL, NO_ENGRAM, (), tuple(ends))] if ends else []

    def draft(self, atlas: Atlas, who: Replica, own: LogState, engram: bytes) -> Draft:
        def some(dots: Sequence[Dot]) -> list[Dot]:
            return [dot for dot in dots if self.rng.random() < 0.4]

        def superseded(op: int, dot: Dot) -> Superseded:
            return Superseded(op, None if dot.log == own.id else dot.log, dot.clock)

        choice = self.rng.random()
        if choice < 0.15:
            counts: dict[bytes, int] = {}
            for known, dot in atlas.units:
                if known == engram:
                    counts[dot.log] = max(counts.get(dot.log, 0), dot.clock + 1)
            ends = tuple([superseded(0, Dot(log, n)) for log, n in sorted(counts.items())])
            return Draft(RecordKind.DELETE, engram, (("r/life", b"\x60"),), ends)
        if choice < 0.3 and (bodies := atlas.dots(engram, "r/body")):
            return self.edit(atlas, own, engram, self.rng.choice(bodies))
        if choice < 0.4:
            mine = [
                (log, record)
                for log, record in atlas.records.values()
                if record.engram == engram and log.author == who.key
            ]
            places = {superseded(0, Dot(log.id, record.seq)) for log, record in mine[:3]}
            return Draft(RecordKind.ERASE, engram, (), tuple(places))
        if choice < 0.5:
            return create(engram, "", "r/body")
        dots = some(atlas.dots(engram, "r/content"))
        return update(engram, *[superseded(0, d) for d in dots]) if dots else create(engram)

    def edit(self, atlas: Atlas, own: LogState, engram: bytes, generation: Dot) -> Draft:
        """Some text between what is there already, and some of that deleted."""

        def reference(dot: Dot) -> Reference:
            return Reference(None if dot.log == own.id else dot.log, dot.clock)

        body = atlas.units[engram, generation]
        text = [
            dot
            for dot in atlas.dots(engram, "x/body")
            if self.meant[atlas.units[engram, dot][0]] >= {("generation", body)}
        ]
        left, right = (
            reference(self.rng.choice(text)) if text and self.rng.random() < 0.7 else None
            for _ in range(2)
        )
        deleted = {dot for dot in text if self.rng.random() < 0.3}
        spans = [Span(*reference(dot), 1) for dot in deleted]
        inserts = [EditInsert(left, right, self.rng.randint(1, 3))]
        values = [("x/body", cbor.encode("x" * insert.length)) for insert in inserts]
        edit = Edit(reference(generation), tuple(inserts), tuple(spans))
        return Draft(RecordKind.EDIT, engram, tuple(values), edit=edit)

    def meaning(
        self, atlas: Atlas, who: Replica, own: LogState, draft: Draft, record: Record
    ) -> frozenset[object]:
        """What the author sees behind the names it uses, without asking the ledger."""

        def unit(log: bytes | None, clock: int) -> Unit:
            return atlas.units[record.engram, Dot(log or own.id, clock)]

        if draft.edit is not None:
            edit = draft.edit
            found: set[object] = {("generation", unit(*edit.generation))}
            for insert in edit.inserts:
                found |= {("left", unit(*insert.left))} if insert.left else set()
                found |= {("right", unit(*insert.right))} if insert.right else set()
            return frozenset(found | {("gone", unit(s.log, s.clock)) for s in edit.deletes})
        items = [(item.log or own.id, item.clock) for item in draft.superseded]
        if draft.kind == RecordKind.ERASE:
            numbers = {log.id: log.n for log in who.ledger.logs(self.scope)}
            return frozenset(atlas.heads[numbers[log], seq] for log, seq in items)
        if draft.kind == RecordKind.DELETE:
            return frozenset(unit(log, n) for log, end in items for n in range(end))
        return frozenset(unit(log, clock) for log, clock in items)

    def read(self, who: Replica) -> dict[bytes, frozenset[object]]:
        """What every record held names, as this replica's ledger resolves it."""
        atlas, names = Atlas.of(who, self.scope), who.ledger.names(self.scope)
        found: dict[bytes, frozenset[object]] = {}
        for head, (log, record) in atlas.records.items():
            if record.shape[0] in (RecordKind.JOIN, RecordKind.SEAL):
                continue
            plain = Plain(log, {x.id: x.n for x in who.ledger.logs(self.scope)})
            named = names.resolve(log.n, record, who.shelf) if names is not None else plain
            found[head] = _resolved(atlas, record, named)
        return found

    # -- passing on --------------------------------------------------------------------------

    def deliver(self, source: Replica, sink: Replica) -> None:
        """One stretch of one log of ``source``, cut at any signed position, from anywhere."""
        logs = [x for x in source.ledger.logs(self.scope) if x.seq]
        log = self.rng.choice(logs)
        if sink in self.copies and log.author == sink.key:
            return
        runs = [run for part in log.path() for run in source.shelf.runs[part.n]]
        signed = [(run.last, run.signature) for run in runs]
        if not signed:
            return
        last = self.rng.choice(signed)
        first = self.rng.randint(1, last[0])
        inner = [s for s in signed if first <= s[0] < last[0] and self.rng.random() < 0.7]
        self.hand(source, sink, log, first, [*inner, last])

    def hand(
        self,
        source: Replica,
        sink: Replica,
        log: LogState,
        first: int,
        signed: Sequence[tuple[int, bytes]],
    ) -> None:
        frame = source.frame_signed(log, first, signed)
        checkpoint, before = sink.checkpoint(), sink.state(self.scope)
        try:
            batch = sink.take(log, frame)
        except (GapError, MissingDependencyError, SignatureError) as error:
            assert sink.state(self.scope) == before
            if not isinstance(error, MissingDependencyError):
                assert not sink.holds(log, source.head(log, first - 1))
            return
        assert batch.rejection is None
        assert not batch.own_ended
        if self.rng.random() < 0.2:
            sink.rollback(checkpoint)
            assert sink.state(self.scope) == before

    def run(self, steps: int) -> None:
        for _ in range(steps):
            choice = self.rng.random()
            if choice < 0.12:
                self.copy_one()
            elif choice < 0.45:
                self.write(self.rng.choice([*self.honest, *self.copies]))
            else:
                everybody = [*self.honest, *self.copies]
                self.deliver(self.rng.choice(everybody), self.rng.choice(everybody))

    def settle(self) -> None:
        """Every honest replica gets everything, in the order in which some other one got it."""
        for sink in [*self.honest, *reversed(self.honest)]:
            for source in [*self.copies, *self.honest, *self.copies, *self.honest]:
                if source is not sink:
                    self.pass_on(source, sink)

    def pass_on(self, source: Replica, sink: Replica) -> None:
        for n, run in source.shelf.arrivals:
            log = source.ledger.log_by_number(n)
            try:
                sink.take(log, source.frame(log, run.first, run.last))
            except MissingDependencyError:
                continue

    def newcomer(self, source: Replica) -> Replica:
        """Somebody who gets everything that ``source`` holds, stretch by stretch, out of order."""
        new = Replica(f"new {self.rng.random()}")
        new.ledger.add_scope(self.scope)
        for _ in range(60):
            self.deliver(source, new)
        new.take_all(source, self.scope)
        return new


class Plain:
    """What references mean while nothing is forked."""

    def __init__(self, own: LogState, numbers: dict[bytes, int]) -> None:
        self.own, self.numbers = own, numbers

    def dot(self, log: bytes | None, clock: int) -> Dot:
        return Dot(log or self.own.id, clock)

    def until(self, log: bytes | None, clock: int) -> list[tuple[bytes, int]]:
        return [(log or self.own.id, clock)]

    def place(self, log: bytes | None, seq: int) -> tuple[int, int]:
        return self.numbers[log or self.own.id], seq


def _resolved(atlas: Atlas, record: Record, named: ReferenceResolver | Plain) -> frozenset[object]:
    engram, shape = record.engram, parse_shape_untrusted(record.shape)

    def unit(name: bytes | None, clock: int) -> Unit:
        return atlas.units[engram, named.dot(name, clock)]

    if shape.kind == RecordKind.EDIT:
        edit = decode_edit_untrusted(record.superseded, len(shape.collections))
        found: set[object] = {("generation", unit(*edit.generation))}
        for insert in edit.inserts:
            found |= {("left", unit(*insert.left))} if insert.left else set()
            found |= {("right", unit(*insert.right))} if insert.right else set()
        spans = [(s.log, s.clock + i) for s in edit.deletes for i in range(s.length)]
        return frozenset(found | {("gone", unit(*item)) for item in spans})
    puts = len(shape.collections)
    items = decode_superseded_untrusted(record.superseded, kind=shape.kind, puts=puts)
    if shape.kind == RecordKind.ERASE:
        return frozenset(atlas.heads[named.place(item.log, item.clock)] for item in items)
    if shape.kind == RecordKind.DELETE:
        parts = [part for item in items for part in named.until(item.log, item.clock)]
        return frozenset(atlas.units[engram, Dot(of, n)] for of, end in parts for n in range(end))
    return frozenset(unit(item.log, item.clock) for item in items)
