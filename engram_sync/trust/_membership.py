"""Who is what in one scope, at any point of its membership logs.

Every question is asked at a set of heads and answered from the records in their past, so a record
that relies on a role is judged the same on every node, whatever else has arrived there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from engram_sync.log import PlacedRecord
from engram_wire import (
    NO_IDS,
    InvalidRecordError,
    Record,
    RecordKind,
    SignatureError,
    WireError,
    cbor,
    check_key_untrusted,
    decode_ids_untrusted,
    keyed_hash,
    parse_shape_untrusted,
    split_payload_untrusted,
)

from ._charter import PERSON_SCOPE, Admit, Charter, MemberRole
from ._proof import verify_proof_untrusted

ONE_AGENT_KINDS: Final = frozenset({"agent", "instance"})
"""Kinds of scopes whose members all write for the agent that the scope is."""


class Member(NamedTuple):
    """One key in a scope."""

    key: bytes
    role: MemberRole
    agent: bytes
    """Scope id of the agent it writes for; the key itself when no record names one."""
    label: str
    """What it is called; empty when that is not held."""
    hlc: int
    """Clock of the record that says so."""


class _Place(NamedTuple):
    chain: bytes
    """Id of the record with which a stretch of records begins that each follow the one before.
    Where a log forks, what comes second begins a chain of its own; so nothing said here depends
    on what the branches of a log are called."""
    seq: int
    others: Mapping[bytes, int]
    """How far the record has seen other chains."""

    def vector(self) -> dict[bytes, int]:
        return {**self.others, self.chain: self.seq}


@dataclass(frozen=True, slots=True)
class _Admission:
    place: _Place
    admit: Admit
    label: str
    hlc: int

    def within(self, vector: Mapping[bytes, int]) -> bool:
        return self.place.seq <= vector.get(self.place.chain, 0)


class Membership:
    """The membership of one scope, as far as its records are held.

    Args:
        scope: The scope's id.
    """

    def __init__(self, scope: bytes) -> None:
        self.scope = scope
        self.charter: Charter | None = None
        """None until the founder's record is held."""
        self._founded: tuple[str, int] = "", 0
        self._labels: dict[bytes, list[tuple[int, str]]] = {}
        """(clock, label) of the label records of each key."""
        self._places: dict[bytes, _Place] = {}
        self._ends: dict[bytes, int] = {}
        """Last position of each chain."""
        self._heads: frozenset[bytes] = frozenset()
        self._by_key: dict[bytes, list[_Admission]] = {}
        self._by_invite: dict[bytes, list[_Admission]] = {}

    # -- questions ---------------------------------------------------------------------------

    @property
    def heads(self) -> tuple[bytes, ...]:
        """Ids of the leaders' newest records, sorted: what a new data record relies on."""
        return tuple(sorted(self._heads))

    def knows(self, head: bytes) -> bool:
        """Whether ``head`` is a membership record held."""
        return head in self._places

    def role(self, key: bytes) -> MemberRole | None:
        """The role of ``key`` now; None for a stranger."""
        return self.role_at(self._heads, key)

    def role_at(self, heads: Iterable[bytes], key: bytes) -> MemberRole | None:
        """The role of ``key`` by the records in the past of ``heads``.

        None for a stranger, and for heads of which one is not held.
        """
        vector = self._vector(heads)
        return None if vector is None else self._role(vector, key)

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
        known = [a for a in self._by_key.get(key, ()) if a.within(vector)]
        return min((a.admit.agent for a in _newest(known)), default=key)

    def members(self) -> list[Member]:
        """Everybody with a role, sorted by key."""
        if self.charter is None:
            return []
        keys = sorted({*self.charter.leaders, *self._by_key})
        return [self._member(self.charter, key) for key in keys]

    def leaders(self) -> frozenset[bytes]:
        """Everybody who leads now; may be asked in any thread."""
        named = () if self.charter is None else self.charter.leaders
        keys = {*named, *tuple(self._by_key)}
        return frozenset(key for key in keys if self.role(key) is MemberRole.LEADER)

    def used(self, invite: bytes) -> tuple[bytes, ...]:
        """Sorted keys that the invite with this public key has admitted."""
        return tuple(sorted({a.admit.key for a in self._by_invite.get(invite, ())}))

    def _member(self, charter: Charter, key: bytes) -> Member:
        newest = max(self._by_key.get(key, ()), key=lambda a: a.hlc, default=None)
        label, hlc = self._founded if key == charter.founder else ("", self._founded[1])
        if newest is not None:
            label, hlc = newest.label, newest.hlc
        hlc, label = max([(hlc, label), *self._labels.get(key, ())])
        role = self.role(key)
        assert role is not None, "every key listed has a record held"
        return Member(key, role, self.agent_of(key), label, hlc)

    def _vector(self, heads: Iterable[bytes]) -> dict[bytes, int] | None:
        vector: dict[bytes, int] = {}
        for head in heads:
            place = self._places.get(head)
            if place is None:
                return None
            for chain, seq in place.vector().items():
                vector[chain] = max(seq, vector.get(chain, 0))
        return vector

    def _role(self, vector: Mapping[bytes, int], key: bytes) -> MemberRole | None:
        if not vector or self.charter is None:
            return None
        if key in self.charter.leaders:
            return MemberRole.LEADER
        known = [a for a in self._by_key.get(key, ()) if a.within(vector)]
        # Concurrent leaders may disagree: the lower role wins.
        return min((a.admit.role for a in _newest(known)), default=None)

    # -- records -----------------------------------------------------------------------------

    def apply_untrusted(self, placed: PlacedRecord) -> Callable[[], None]:
        """Take one record whose predecessor and dependencies are held.

        Kinds of a newer version take their place in the chain and do nothing else.

        Returns:
            What undoes exactly this; undone in reverse order.

        Raises:
            WireError: The record is not valid at its place.
        """
        record = placed.record
        shape = parse_shape_untrusted(record.shape)
        if shape.kind == RecordKind.CHARTER:
            return self._found_untrusted(placed, Charter.parse_untrusted(shape.statement))
        deps = decode_ids_untrusted(record.deps)
        before = deps if record.seq == 1 else (placed.previous, *deps)
        vector = self._vector(before)
        if not vector:
            raise InvalidRecordError("a membership record without the charter in its past")
        role = self._role(vector, placed.author)
        if role is None:
            raise InvalidRecordError("a membership record by a stranger")
        place = self._place_of(placed, vector)
        if shape.kind == RecordKind.LABEL:
            return self._relabel_untrusted(placed, place, before, shape.statement)
        if shape.kind != RecordKind.ADMIT:
            return self._place(placed, place, before, leads=role is MemberRole.LEADER)
        if role is not MemberRole.LEADER:
            raise InvalidRecordError("an admission by somebody who does not lead the scope")
        admit = Admit.parse_untrusted(shape.statement)
        _check_keys_untrusted(admit.key)
        self._check_invite_untrusted(admit, vector)
        return self._admit(placed, place, before, admit)

    def _relabel_untrusted(
        self,
        placed: PlacedRecord,
        place: _Place,
        before: Iterable[bytes],
        statement: Sequence[object] | None,
    ) -> Callable[[], None]:
        if statement != [placed.author]:
            raise InvalidRecordError("a label for somebody else")
        undo_place = self._place(placed, place, before)
        labels = self._labels.setdefault(placed.author, [])
        labels.append((placed.record.hlc, _label(placed.record)))

        def undo() -> None:
            labels.pop()
            undo_place()

        return undo

    def _found_untrusted(self, placed: PlacedRecord, charter: Charter) -> Callable[[], None]:
        record = placed.record
        # Over the bytes as sent, so that one charter has one spelling.
        if keyed_hash(PERSON_SCOPE, record.shape[1:]) != self.scope:
            raise InvalidRecordError("the charter of another scope")
        if placed.author != charter.founder:
            raise InvalidRecordError("a charter that its founder has not signed")
        _check_keys_untrusted(*charter.leaders, *filter(None, (charter.recovery,)))
        if record.seq != 1 or record.deps != NO_IDS:
            raise InvalidRecordError("a charter that does not begin a log")
        undo_place = self._place(placed, _Place(placed.head, 1, {}), ())
        known, founded = self.charter, self._founded
        self.charter = charter
        # A founder with two faces has signed several; all nodes show the same one.
        label = _label(record), record.hlc
        self._founded = label if known is None else min(founded, label)

        def undo() -> None:
            self.charter, self._founded = known, founded
            undo_place()

        return undo

    def _check_invite_untrusted(self, admit: Admit, vector: Mapping[bytes, int]) -> None:
        if admit.invite is None or admit.proof is None or admit.session is None:
            return
        verify_proof_untrusted(
            admit.invite, admit.proof, scope=self.scope, key=admit.key, session=admit.session
        )
        earlier = [a for a in self._by_invite.get(admit.invite, ()) if a.within(vector)]
        keys = {a.admit.key for a in earlier}
        uses = min([admit.uses, *(a.admit.uses for a in earlier)])
        if admit.key not in keys and len(keys) >= uses:
            raise InvalidRecordError(f"an invite for {uses} admits one key more")

    def _admit(
        self, placed: PlacedRecord, place: _Place, before: Iterable[bytes], admit: Admit
    ) -> Callable[[], None]:
        undo_place = self._place(placed, place, before)
        admission = _Admission(place, admit, _label(placed.record), placed.record.hlc)
        lists = [self._by_key.setdefault(admit.key, [])]
        if admit.invite is not None:
            lists.append(self._by_invite.setdefault(admit.invite, []))
        for admissions in lists:
            admissions.append(admission)

        def undo() -> None:
            for admissions in lists:
                admissions.pop()
            if not self._by_key[admit.key]:
                del self._by_key[admit.key]
            undo_place()

        return undo

    def _place_of(self, placed: PlacedRecord, vector: Mapping[bytes, int]) -> _Place:
        """The place of a record with ``vector`` behind it: in its predecessor's chain, at the end.

        When another record is there already, the log forks here.
        """
        seq = placed.record.seq
        before = self._places.get(placed.previous) if seq > 1 else None
        goes_on = before is not None and self._ends[before.chain] == before.seq
        chain = before.chain if before is not None and goes_on else placed.head
        return _Place(chain, seq, {c: at for c, at in vector.items() if c != chain})

    def _place(
        self,
        placed: PlacedRecord,
        place: _Place,
        before: Iterable[bytes],
        *,
        leads: bool = True,
    ) -> Callable[[], None]:
        heads, end = self._heads, self._ends.get(place.chain)
        self._places[placed.head] = place
        self._ends[place.chain] = place.seq
        if leads:
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


def _check_keys_untrusted(*keys: bytes) -> None:
    """Nobody is enrolled under a key of mixed order: the holder of one secret has eight of them."""
    for key in keys:
        try:
            check_key_untrusted(key)
        except SignatureError as error:
            raise InvalidRecordError("a member's key is no valid point") from error


def _newest(admissions: Iterable[_Admission]) -> list[_Admission]:
    """Those that no other one has in its past."""
    found = list(admissions)
    return [a for a in found if not any(b is not a and a.within(b.place.vector()) for b in found)]


def _label(record: Record) -> str:
    """The label in a record's payload; empty when it is not held or not a text."""
    if record.payload is None:
        return ""
    try:
        values = split_payload_untrusted(record.payload)
        label = cbor.decode_untrusted(values[0]) if values else ""
    except WireError:
        return ""
    return label if isinstance(label, str) else ""


def may_read(membership: Membership, key: bytes) -> bool:
    """Whether anything that depends on the scope may leave for ``key``.

    This is the one place that decides visibility; it asks the newest membership state.
    """
    return membership.role(key) is not None
