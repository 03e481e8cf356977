"""What becomes of all that is said about who may do what, at any point of the membership logs.

Statements are joined by causality, never by time, so that every node joins them alike:

- What is said in the knowledge of something else replaces it.  An admission gives at least what the
  key had before: to admit a leader as an observer takes nothing away.
- Of what was said at once, the lowest role counts, whether it was given or left: a revocation beats
  an admission, and of two admissions the one to less.
- What a leader gave while, unknown to it, its own role was taken away, is without force.  What it
  took away stays taken away: two leaders that revoke each other are both out.
- Of admissions by one invite that were written at once and are more than it admits, those count
  that knew the fewest others, and of these the ones with the smallest ids.

Each question costs a look-up per chain, whatever anybody has written into one.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from engram_wire import Record, WireError, cbor, split_payload_untrusted

from ._charter import Admission, MemberRole
from ._cuts import LogSlot, Vector

_SEQ = attrgetter("place.seq")


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement about a key."""

    place: LogSlot
    head: bytes
    """Id of the record."""
    author: bytes
    key: bytes
    role: int
    """What it leaves the key, with all that is in its past; below ``OBSERVER`` for nothing."""
    lowers: bool
    """Whether it took something away from what the key had in its past."""
    label: str
    hlc: int
    admit: Admission | None = None


@dataclass(slots=True)
class StatementChain:
    """Statements by chain, each chain in its order."""

    chains: dict[bytes, list[Statement]] = field(default_factory=dict[bytes, list[Statement]])

    def add(self, statement: Statement) -> None:
        """Take one more."""
        self.chains.setdefault(statement.place.chain, []).append(statement)

    def drop(self, statement: Statement) -> None:
        """Undo the newest ``add``."""
        chain = self.chains[statement.place.chain]
        chain.pop()
        if not chain:
            del self.chains[statement.place.chain]

    def within(self, vector: Vector) -> Iterator[tuple[list[Statement], int]]:
        """Each chain of which ``vector`` has seen something, and how many of its statements."""
        for chain, told in self.chains.items():
            if count := bisect_right(told, vector.get(chain, 0), key=_SEQ):
                yield told, count

    def all(self) -> Iterator[Statement]:
        """All of them."""
        for chain in self.chains.values():
            yield from chain


@dataclass(slots=True)
class _Invite:
    told: StatementChain = field(default_factory=StatementChain)
    keys: Counter[bytes] = field(default_factory=Counter[bytes])
    """How often it has admitted each key."""
    uses: list[int] = field(default_factory=list[int])
    """The fewest uses that any of its first n admissions claims, for each n."""
    let_in: frozenset[bytes] | None = None
    """The keys that it admits, by all that is held; None until somebody asks."""

    def admitted(self, vector: Vector) -> frozenset[bytes]:
        """The keys that it admits by what ``vector`` has seen."""
        seen = [s for told, count in self.told.within(vector) for s in told[:count]]
        whole = len(seen) == len(self.uses)
        if whole and self.let_in is not None:
            return self.let_in
        uses = min(s.admit.uses for s in seen if s.admit is not None)
        keys = dict[bytes, None]()
        for statement in sorted(seen, key=lambda s: (self._known_to(s), s.head)):
            if len(keys) < uses:
                keys[statement.key] = None
        found = frozenset(keys)
        if whole:
            self.let_in = found
        return found

    def _known_to(self, statement: Statement) -> int:
        return sum(
            bisect_right(told, statement.place.reaches(chain), key=_SEQ)
            for chain, told in self.told.chains.items()
        )


@dataclass(slots=True)
class Roles:
    """All statements about the keys of one scope."""

    _raising: dict[bytes, StatementChain] = field(default_factory=dict[bytes, StatementChain])
    _lowering: dict[bytes, StatementChain] = field(default_factory=dict[bytes, StatementChain])
    _promoting: dict[bytes, StatementChain] = field(default_factory=dict[bytes, StatementChain])
    """Those that raise to a leader."""
    _given: dict[bytes, Counter[bytes]] = field(default_factory=dict[bytes, Counter[bytes]])
    """The keys to which each author has given something."""
    _invites: dict[bytes, _Invite] = field(default_factory=dict[bytes, _Invite])
    _contested: set[bytes] = field(default_factory=set[bytes])
    """Invites that have admitted more keys than they may."""

    # -- questions ---------------------------------------------------------------------------

    def at(
        self, vector: Vector, key: bytes, *, named: bool, left: Collection[LogSlot]
    ) -> MemberRole | None:
        """The role of a key by what ``vector`` has seen.

        Args:
            vector: How far each chain has been seen.
            key: The key.
            named: Whether the charter names it as a leader.
            left: Where it left: what was said in the past of one of these is void.
        """
        newest = self.newest(vector, key, left)
        if not newest:
            return MemberRole.LEADER if named and not left else None
        role = min(s.role for s in newest)
        return MemberRole(role) if role >= MemberRole.OBSERVER else None

    def newest(self, vector: Vector, key: bytes, left: Collection[LogSlot] = ()) -> list[Statement]:
        """The statements in force about a key that no other one of them has in its past."""
        found: list[Statement] = []
        for told, count in self._told(self._raising, key).within(vector):
            statement = self._last_in_force(told, count, vector)
            found += [statement] if statement is not None else []
        for told, count in self._told(self._lowering, key).within(vector):
            found.append(told[count - 1])
        places = [*left, *(s.place for s in found)]
        return [s for s in found if not any(place.sees(s.place) for place in places)]

    def _last_in_force(self, told: list[Statement], count: int, vector: Vector) -> Statement | None:
        while count:
            statement = told[count - 1]
            lowered = self._unknown_lowering(statement, vector)
            if lowered is not None:
                # It is unknown to all that the author has given since what the other one has seen.
                reached = lowered.place.reaches(statement.place.chain)
                count = bisect_right(told, reached, key=_SEQ)
            elif self._too_late(statement, vector):
                count -= 1
            else:
                return statement
        return None

    def _unknown_lowering(self, statement: Statement, vector: Vector) -> Statement | None:
        """What took the author's own role away at the same time."""
        for told, count in self._told(self._lowering, statement.author).within(vector):
            known = bisect_right(told, statement.place.reaches(told[0].place.chain), key=_SEQ)
            # The first one that is not known has the smallest past.
            if known < count and not told[known].place.sees(statement.place):
                return told[known]
        return None

    def _too_late(self, statement: Statement, vector: Vector) -> bool:
        if statement.admit is None or statement.admit.invite is None:
            return False
        invite = self._invites[statement.admit.invite]
        if len(invite.keys) <= invite.uses[-1]:
            return False
        return statement.key not in invite.admitted(vector)

    @staticmethod
    def _told(by_key: dict[bytes, StatementChain], key: bytes) -> StatementChain:
        return by_key.get(key) or StatementChain()

    def about(self, key: bytes) -> Iterator[Statement]:
        """All that is said about a key."""
        for by_key in (self._raising, self._lowering):
            yield from self._told(by_key, key).all()

    def led(self, vector: Vector, key: bytes) -> bool:
        """Whether ``vector`` has seen somebody make a key a leader."""
        return any(True for _ in self._told(self._promoting, key).within(vector))

    def was_lowered(self, vector: Vector, key: bytes) -> bool:
        """Whether ``vector`` has seen something taken away from a key."""
        return any(True for _ in self._told(self._lowering, key).within(vector))

    def admissions(self, vector: Vector, key: bytes) -> list[Statement]:
        """The newest admissions of a key by what ``vector`` has seen, in force or not."""
        last: list[Statement] = []
        for told, count in self._told(self._raising, key).within(vector):
            last += [s for s in reversed(told[:count]) if s.admit is not None][:1]
        return [s for s in last if not any(other.place.sees(s.place) for other in last)]

    def used(self, invite: bytes) -> Collection[bytes]:
        """The keys that an invite has admitted, in force or not."""
        found = self._invites.get(invite)
        return () if found is None else found.keys.keys()

    def let_go(self, vector: Vector) -> dict[bytes, frozenset[bytes]]:
        """By invite that was used too often at once: the keys that it does not admit after all."""
        return {
            name: frozenset(self._invites[name].keys) - self._invites[name].admitted(vector)
            for name in sorted(self._contested)
        }

    def has_use(self, vector: Vector, admit: Admission) -> bool:
        """Whether the invite of ``admit`` admits its key too, by what ``vector`` has seen."""
        assert admit.invite is not None
        invite = self._invites.get(admit.invite)
        if invite is None:
            return True
        if len(invite.keys) < min(admit.uses, invite.uses[-1]):
            return True  # Whatever of it has been seen.
        seen = [s for told, count in invite.told.within(vector) for s in told[:count]]
        keys = {s.key for s in seen}
        uses = min([admit.uses, *(s.admit.uses for s in seen if s.admit is not None)])
        return admit.key in keys or len(keys) < uses

    # -- changes -----------------------------------------------------------------------------

    def touched(self, statement: Statement) -> set[bytes]:
        """The keys whose role a statement that is held may change."""
        keys = {statement.key}
        if statement.lowers:
            keys |= self._given.get(statement.key, Counter[bytes]()).keys()
        if statement.admit is not None and statement.admit.invite is not None:
            invite = self._invites[statement.admit.invite]
            if len(invite.keys) > invite.uses[-1]:
                keys |= invite.keys.keys()
        return keys

    def add(self, statement: Statement) -> None:
        """Take one statement, in a causal order."""
        by_key = self._lowering if statement.lowers else self._raising
        by_key.setdefault(statement.key, StatementChain()).add(statement)
        if statement.role == MemberRole.LEADER:
            self._promoting.setdefault(statement.key, StatementChain()).add(statement)
        if not statement.lowers:
            self._given.setdefault(statement.author, Counter())[statement.key] += 1
        admit = statement.admit
        if admit is not None and admit.invite is not None:
            invite = self._invites.setdefault(admit.invite, _Invite())
            invite.told.add(statement)
            invite.keys[statement.key] += 1
            invite.uses.append(min([admit.uses, *invite.uses[-1:]]))
            self._judge(admit.invite, invite)

    def drop(self, statement: Statement) -> None:
        """Undo the newest ``add``."""
        by_key = self._lowering if statement.lowers else self._raising
        _drop(by_key, statement.key, statement)
        if statement.role == MemberRole.LEADER:
            _drop(self._promoting, statement.key, statement)
        if not statement.lowers:
            given = self._given[statement.author]
            given[statement.key] -= 1
            self._given[statement.author] = +given
        admit = statement.admit
        if admit is not None and admit.invite is not None:
            invite = self._invites[admit.invite]
            invite.told.drop(statement)
            invite.keys[statement.key] -= 1
            invite.keys = +invite.keys
            invite.uses.pop()
            self._judge(admit.invite, invite)
            if not invite.uses:
                del self._invites[admit.invite]

    def _judge(self, name: bytes, invite: _Invite) -> None:
        invite.let_in = None
        if invite.uses and len(invite.keys) > invite.uses[-1]:
            self._contested.add(name)
        else:
            self._contested.discard(name)


def _drop(by_key: dict[bytes, StatementChain], key: bytes, statement: Statement) -> None:
    by_key[key].drop(statement)
    if not by_key[key].chains:
        del by_key[key]


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


def label_of(record: Record) -> str:
    """The label in a record's payload; empty when it is not held or not a text."""
    if record.payload is None:
        return ""
    try:
        values = split_payload_untrusted(record.payload)
        label = cbor.decode_untrusted(values[0]) if values else ""
    except WireError:
        return ""
    return label if isinstance(label, str) else ""
