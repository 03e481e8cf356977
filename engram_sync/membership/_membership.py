"""Who is what in one scope, at any point of its membership logs.

Every question is asked at a set of heads and answered from the records in their past, so a record
that relies on a role is judged the same on every node, whatever else has arrived there.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Final

from engram_sync.ledger import PlacedRecord
from engram_wire import (
    NO_IDS,
    InvalidRecordError,
    RecordKind,
    decode_ids_untrusted,
    keyed_hash,
    newer_kind,
    parse_shape_untrusted,
)

from ._charter import PERSON_SCOPE, Charter, MemberRole, check_keys_untrusted
from ._cuts import Cuts, Epochs, LogSlot, Vector, Withdrawal, merged
from ._roles import Member, Roles, Statement, label_of
from ._saying import Saying, said_untrusted
from ._statements import Epoch

ONE_AGENT_KINDS: Final = frozenset({"agent", "instance"})
"""Kinds of scopes whose members all write for the agent that the scope is."""

Undo = Callable[[], None]


class Membership:
    """The membership of one scope, as far as its records are held.

    Args:
        scope: The scope's id.
    """

    def __init__(self, scope: bytes) -> None:
        self.scope = scope
        self.charter: Charter | None = None
        """None until the founder's record is held."""
        self.version = 0
        """Another number whenever anything of it may have changed."""
        self._founded: tuple[str, int] = "", 0
        self._labels: dict[bytes, list[tuple[int, str]]] = {}
        """(clock, label) of the label records of each key."""
        self._places: dict[bytes, LogSlot] = {}
        self._ends: dict[bytes, int] = {}
        """Last position of each chain."""
        self._heads: frozenset[bytes] = frozenset()
        self._roles = Roles()
        self._left: dict[bytes, list[LogSlot]] = {}
        """Where each key has left."""
        self._epochs = Epochs()
        self.cuts = Cuts(self._epochs)
        """How far the logs count of those who may not write any more."""
        self._newer: list[str] = []
        self._led: Counter[bytes] = Counter()
        """Everybody who was ever made a leader, and how often."""
        self._members: dict[bytes, Member] = {}
        """Everybody with a role now."""

    # -- questions ---------------------------------------------------------------------------

    @property
    def heads(self) -> tuple[bytes, ...]:
        """Ids of the leaders' newest records, sorted: what a new data record relies on."""
        return tuple(sorted(self._heads))

    @property
    def newer(self) -> str | None:
        """What this version would have to know to go on here, in words; None for nothing."""
        return self._newer[0] if self._newer else None

    def role(self, key: bytes) -> MemberRole | None:
        """The role of ``key`` now; None for a stranger."""
        member = self._members.get(key)
        return None if member is None else member.role

    def role_at(self, heads: Iterable[bytes], key: bytes) -> MemberRole | None:
        """The role of ``key`` by the records in the past of ``heads``.

        None for a stranger, and for heads of which one is not held.
        """
        vector = self._vector(heads)
        return None if vector is None else self._role(vector, key)

    def can_be_relied_on(self, heads: Iterable[bytes]) -> bool:
        """Whether every one is held and by a leader: what others write decides about nobody."""
        places = [self._places.get(head) for head in heads]
        return all(place is not None and place.leads for place in places)

    def auth(self, key: bytes, heads_max: int = 8) -> tuple[bytes, ...]:
        """Sorted heads for a record by ``key`` to rely on: the newest, at most ``heads_max``.

        When there are more, those that give ``key`` its role come first.
        """
        ranked = sorted(self._heads, key=lambda head: (-(self.role_at([head], key) or 0), head))
        return tuple(sorted(ranked[:heads_max]))

    def agent_of(self, key: bytes) -> bytes:
        """The agent that ``key`` writes for, as far as is known now; see ``agent_at``."""
        return self.agent_at(self._heads, key)

    def agent_at(self, heads: Iterable[bytes], key: bytes) -> bytes:
        """The agent that ``key`` writes for, by the records in the past of ``heads``.

        In a scope that belongs to one agent that is the scope itself; elsewhere what the admission
        says, and the key itself for a leader whom no record admits.
        """
        if self.charter is not None and self.charter.kind in ONE_AGENT_KINDS:
            return self.scope
        vector = self._vector(heads) or {}
        admitted = [s.admit.agent for s in self._roles.admissions(vector, key) if s.admit]
        return min(admitted, default=key)

    def members(self) -> list[Member]:
        """Everybody with a role, sorted by key."""
        return sorted(self._members.values())

    def by_key(self) -> dict[bytes, Member]:
        """Everybody with a role; a copy, for any thread to look at."""
        return dict(self._members)

    def readers(self) -> frozenset[bytes]:
        """The keys of everybody with a role; see ``readers``."""
        return frozenset(self._members)

    def is_authority(self, key: bytes) -> bool:
        """Whether what ``key`` writes about members counts, or counted once.

        Their logs are all that decides about anybody's role, so these are named and shown.
        """
        return key in self._led or self._is_recovery(key)

    def authorities(self) -> frozenset[bytes]:
        """Everybody who leads or has led, and the recovery key."""
        recovery = None if self.charter is None else self.charter.recovery
        return frozenset({*self._led, *filter(None, (recovery,))})

    def used(self, invite: bytes) -> Collection[bytes]:
        """The keys that the invite with this public key has admitted."""
        return self._roles.used(invite)

    def let_go(self) -> dict[bytes, dict[bytes, str]]:
        """By invite: keys that two leaders admitted at once, beyond its uses, and their labels.

        Whoever has been admitted since by another one is not among them.
        """
        found = self._roles.let_go(self._vector(self._heads) or {})
        gone = {invite: sorted(keys - self._members.keys()) for invite, keys in found.items()}
        return {n: {key: self._called(key)[1] for key in keys} for n, keys in gone.items() if keys}

    def has_left(self, key: bytes) -> bool:
        """Whether ``key`` has left, and no leader has said so yet.

        What members write about themselves is not in the past of what leaders write.
        """
        return self.role(key) is None and self.role_at(self._heads, key) is not None

    def seen(self, heads: Iterable[bytes]) -> Vector:
        """How far ``heads`` have seen each chain; not at all when one of them is not held."""
        return self._vector(heads) or {}

    def _is_recovery(self, key: bytes) -> bool:
        return self.charter is not None and key == self.charter.recovery

    def _vector(self, heads: Iterable[bytes]) -> dict[bytes, int] | None:
        places = [self._places.get(head) for head in heads]
        known = [place.vector() for place in places if place is not None]
        return merged(known) if len(known) == len(places) else None

    def _role(self, vector: Vector, key: bytes) -> MemberRole | None:
        left = [place for place in self._left.get(key, ()) if place.within(vector)]
        return self._role_after(vector, key, left)

    def _role_after(self, vector: Vector, key: bytes, left: list[LogSlot]) -> MemberRole | None:
        if not vector or self.charter is None:
            return None
        named = key in self.charter.leaders
        return self._roles.at(vector, key, named=named, left=left)

    # -- records -----------------------------------------------------------------------------

    def apply_untrusted(self, placed: PlacedRecord) -> Undo:
        """Take one record whose predecessor and dependencies are held.

        What a newer version must be asked about takes its place in the chain, and ``newer`` says
        what it is; optional kinds that are not known do nothing.

        Returns:
            What undoes exactly this; undone in reverse order.

        Raises:
            WireError: The record is not valid at its place.
        """
        self.version += 1
        record = placed.record
        shape = parse_shape_untrusted(record.shape)
        if shape.kind == RecordKind.CHARTER:
            return self._found_untrusted(placed, Charter.parse_untrusted(shape.statement))
        deps = decode_ids_untrusted(record.deps)
        before = deps if record.seq == 1 else (placed.previous, *deps)
        vector = self._vector(before)
        if not vector:
            raise InvalidRecordError("a membership record without the charter in its past")
        self._check_deps_untrusted(deps, vector)
        role = self._role(vector, placed.author)
        recovers = self._is_recovery(placed.author)
        if role is None and not recovers:
            raise InvalidRecordError("a membership record by a stranger")
        saying = said_untrusted(placed, shape, role, recovers=recovers)
        place = self._place_of(placed, vector)._replace(
            author=placed.author, leads=role is MemberRole.LEADER or recovers
        )
        return self._say_untrusted(placed, place, before, saying)

    def _check_deps_untrusted(self, deps: Iterable[bytes], vector: Vector) -> None:
        """Nobody depends on records that decide nothing, and that are not shown to who joins."""
        for head in deps:
            author = self._places[head].author
            named = self.charter is not None and author in self.charter.leaders
            if not named and not self._is_recovery(author) and not self._roles.led(vector, author):
                raise InvalidRecordError("a membership record depends on one by no leader")

    def _say_untrusted(
        self,
        placed: PlacedRecord,
        place: LogSlot,
        before: Iterable[bytes],
        said: Saying,
    ) -> Undo:
        """Check what is said against what is in its past, and take it."""
        vector = {**place.others, place.chain: place.seq - 1}
        statement = self._statement_untrusted(placed, place, vector, said)
        if said.epoch is not None:
            self._epochs.check_untrusted(vector, said.epoch)
        undo = [self._place(placed, place, before)]
        needs = said.newer or newer_kind(placed.record.shape, placed.record.superseded)
        if needs:
            self._newer.append(needs)
            undo.append(lambda: self._newer.remove(needs))
        if said.epoch is not None:
            undo.append(self._begin(place, said.epoch))
        changed = {placed.author}
        if said.leaves:
            left = self._left.setdefault(placed.author, [])
            left.append(place)
            undo.append(lambda: left.__delitem__(-1))
        if said.label is not None:
            labels = self._labels.setdefault(placed.author, [])
            labels.append((placed.record.hlc, label_of(placed.record)))
            undo.append(lambda: labels.__delitem__(-1))
        if statement is not None:
            if said.admit is None and (statement.lowers or said.cutoffs):
                undo.append(self.cuts.add(statement.key, Withdrawal(place, said.cutoffs)))
            self._roles.add(statement)
            undo.append(lambda: self._roles.drop(statement))
            changed = self._roles.touched(statement)
            if statement.role == MemberRole.LEADER:
                undo.append(self._lead(statement.key))
        undo.append(self._refresh(changed))
        return self._undoing(undo)

    def _undoing(self, steps: list[Undo]) -> Undo:
        def undo() -> None:
            self.version += 1
            for step in reversed(steps):
                step()

        return undo

    def _lead(self, *keys: bytes) -> Undo:
        before = self._led
        self._led = before + Counter(keys)
        return lambda: setattr(self, "_led", before)

    def _begin(self, place: LogSlot, epoch: Epoch) -> Undo:
        self._epochs.add(place, epoch)
        return lambda: self._epochs.drop(place)

    def _statement_untrusted(
        self, placed: PlacedRecord, place: LogSlot, vector: Vector, said: Saying
    ) -> Statement | None:
        if said.key is None:
            return None
        before = self._role(vector, said.key) or 0
        role = said.role
        if said.admit is not None:
            role = max(role, before)
            if said.admit.invite is not None and not self._roles.has_use(vector, said.admit):
                raise InvalidRecordError(f"an invite for {said.admit.uses} admits one key more")
        elif not before and not self._roles.was_lowered(vector, said.key):
            raise InvalidRecordError("a role of somebody who has none")
        return Statement(
            place=place,
            head=placed.head,
            author=placed.author,
            key=said.key,
            role=role,
            lowers=role < before or not role,
            label=label_of(placed.record),
            hlc=placed.record.hlc,
            admit=said.admit,
        )

    def _found_untrusted(self, placed: PlacedRecord, charter: Charter) -> Undo:
        record = placed.record
        # Over the bytes as sent, so that one charter has one spelling.
        if keyed_hash(PERSON_SCOPE, record.shape[1:]) != self.scope:
            raise InvalidRecordError("the charter of another scope")
        if placed.author != charter.founder:
            raise InvalidRecordError("a charter that its founder has not signed")
        check_keys_untrusted(*charter.leaders, *filter(None, (charter.recovery,)))
        if record.seq != 1 or record.deps != NO_IDS:
            raise InvalidRecordError("a charter that does not begin a log")
        undo_place = self._place(placed, LogSlot(placed.head, 1, {}, placed.author, True), ())
        known, founded = self.charter, self._founded
        self.charter = charter
        # A founder with two faces has signed several; all nodes show the same one.
        label = label_of(record), record.hlc
        self._founded = label if known is None else min(founded, label)
        unlead = self._lead(*charter.leaders)
        undo_members = self._refresh(set(charter.leaders))

        def unfound() -> None:
            self.charter, self._founded = known, founded

        return self._undoing([undo_place, unfound, unlead, undo_members])

    def _place_of(self, placed: PlacedRecord, vector: Vector) -> LogSlot:
        """The place of a record with ``vector`` behind it: in its predecessor's chain, at the end.

        When another record is there already, the log forks here.
        """
        seq = placed.record.seq
        before = self._places.get(placed.previous) if seq > 1 else None
        goes_on = before is not None and self._ends[before.chain] == before.seq
        chain = before.chain if before is not None and goes_on else placed.head
        return LogSlot(chain, seq, {c: at for c, at in vector.items() if c != chain})

    def _place(self, placed: PlacedRecord, place: LogSlot, before: Iterable[bytes]) -> Undo:
        heads, end = self._heads, self._ends.get(place.chain)
        self._places[placed.head] = place
        self._ends[place.chain] = place.seq
        if place.leads:
            # What others write into their membership logs says nothing about anybody's role, and
            # they could write any number of heads for everybody to rely on.
            self._heads = heads - set(before) | {placed.head}

        def undo() -> None:
            del self._places[placed.head]
            if end is None:
                del self._ends[place.chain]
            else:
                self._ends[place.chain] = end
            self._heads = heads

        return undo

    # -- members now -------------------------------------------------------------------------

    def _refresh(self, keys: Iterable[bytes]) -> Undo:
        """Compute anew who these are; nobody else can have become somebody else."""
        vector = self._vector(self._heads) or {}
        before = {key: self._members.pop(key, None) for key in keys}
        for key in before:
            role = self._role_after(vector, key, self._left.get(key, []))
            if role is not None:
                self._members[key] = self._member(key, role)

        def undo() -> None:
            for key, member in before.items():
                self._members.pop(key, None)
                if member is not None:
                    self._members[key] = member

        return undo

    def _member(self, key: bytes, role: MemberRole) -> Member:
        hlc, label = self._called(key)
        return Member(key, role, self.agent_of(key), label, hlc)

    def _called(self, key: bytes) -> tuple[int, str]:
        founds = self.charter is not None and key == self.charter.founder
        label, hlc = self._founded if founds else ("", self._founded[1])
        told = max(self._roles.about(key), key=lambda s: (s.hlc, s.label), default=None)
        if told is not None:
            label, hlc = told.label, told.hlc
        said: list[tuple[int, str]] = [(hlc, label), *self._labels.get(key, ())]
        return max(said)
