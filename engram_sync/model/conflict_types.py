"""Conflicts as the node that looks at them tells them: mine here, theirs there.

A conflict is the same on every replica; which side of it is *local* depends on who looks.  So
these are made from a conflict when somebody asks, and nothing of them is replicated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, cast

from engram_sync.api import Conflict, Sibling
from engram_wire import InvalidRecordError
from engram_wire.cbor import decode_untrusted, encode, is_dict, is_list, is_tuple

from .conflicts import ConflictClass


@dataclass(frozen=True, slots=True)
class ValueConflict:
    """One field has two values, and neither author knew of the other's."""

    kind: ClassVar[str] = "value"
    key: str
    """Id of the engram."""
    field: str
    local: object
    remote: object


@dataclass(frozen=True, slots=True)
class BeliefConflict:
    """Two opinions about one subject and relation that cannot both hold."""

    kind: ClassVar[str] = "belief"
    subject: str
    relation: str
    local_object: str
    remote_object: str
    local_polarity: bool
    remote_polarity: bool


@dataclass(frozen=True, slots=True)
class EpisodicConflict:
    """One event is told in several ways."""

    kind: ClassVar[str] = "episodic"
    episode_id: str
    """Id of the engram."""
    local_events: tuple[object, ...]
    remote_events: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class SkillConflict:
    """A skill was refined in several ways that nothing brings together."""

    kind: ClassVar[str] = "skill"
    skill_id: str
    """Id of the engram."""
    local_refinements: tuple[object, ...]
    remote_refinements: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class LifecycleConflict:
    """Somebody deleted what somebody else was writing to."""

    kind: ClassVar[str] = "lifecycle"
    key: str
    """Id of the engram."""
    reasons: tuple[str, ...]
    """Why it was deleted, once for each delete."""
    local_edits: tuple[object, ...]
    """``[field, value]`` of each value of this node that the delete did not see."""
    remote_edits: tuple[object, ...]
    """The same of other nodes."""


ConflictType = ValueConflict | BeliefConflict | EpisodicConflict | SkillConflict | LifecycleConflict

_TYPES: dict[str, type[Any]] = {
    made.kind: made
    for made in (ValueConflict, BeliefConflict, EpisodicConflict, SkillConflict, LifecycleConflict)
}
_CHECKS: dict[object, type | tuple[type, ...]] = {str: str, bool: bool, object: object}


def as_seen_by(conflict: Conflict, node: str) -> tuple[ConflictType, ...]:
    """A conflict from the place of one node.

    Args:
        conflict: As ``Node.conflicts`` lists it.
        node: Id of the node that looks.  Where it wrote none of the siblings, the newest one, which
            is what it shows, is its side.

    Returns:
        One for each pair of a local and a remote value where a conflict has two sides; an edit of
        a replaced text counts as a value conflict of the text.
    """
    local, remote = _sides(conflict, node)
    match conflict.kind:
        case ConflictClass.BELIEF:
            return tuple(
                _belief_pair(conflict, mine, theirs) for mine, theirs in _pairs(conflict, node)
            )
        case ConflictClass.EPISODIC:
            return (EpisodicConflict(conflict.engram, _data(local), _data(remote)),)
        case ConflictClass.SKILL:
            return (SkillConflict(conflict.engram, _data(local), _data(remote)),)
        case ConflictClass.LIFECYCLE:
            return (_lifecycle(conflict, node),)
        case _:
            return tuple(
                ValueConflict(conflict.engram, conflict.field, mine.data, theirs.data)
                for mine, theirs in _pairs(conflict, node)
            )


def _sides(conflict: Conflict, node: str) -> tuple[list[Sibling], list[Sibling]]:
    local = [sibling for sibling in conflict.siblings if sibling.node == node]
    if not local:
        local = list(conflict.siblings[-1:])
    return local, [sibling for sibling in conflict.siblings if sibling not in local]


def _pairs(conflict: Conflict, node: str) -> list[tuple[Sibling, Sibling]]:
    """This side's newest value with each of the others, this node's own older ones included."""
    local, _ = _sides(conflict, node)
    mine = local[-1]
    return [(mine, other) for other in conflict.siblings if other is not mine]


def _belief_pair(conflict: Conflict, mine: Sibling, theirs: Sibling) -> BeliefConflict:
    subject, relation = (*conflict.key, "", "")[:2]
    sides = [side.data if is_dict(side.data) else {} for side in (mine, theirs)]
    here, there = sides
    return BeliefConflict(
        subject,
        relation,
        str(here.get("object", "")),
        str(there.get("object", "")),
        here.get("polarity") is not False,
        there.get("polarity") is not False,
    )


def _lifecycle(conflict: Conflict, node: str) -> LifecycleConflict:
    deletes = [s for s in conflict.siblings if s.field == "life" and s.value.startswith("deleted")]
    edits = [sibling for sibling in conflict.siblings if sibling not in deletes]
    return LifecycleConflict(
        conflict.engram,
        tuple(sibling.value.partition(": ")[2] for sibling in deletes),
        tuple([s.field, s.data] for s in edits if s.node == node),
        tuple([s.field, s.data] for s in edits if s.node != node),
    )


def _data(siblings: Sequence[Sibling]) -> tuple[object, ...]:
    return tuple(sibling.data for sibling in siblings)


# ------------------------------------------------------------- as bytes and as JSON


def to_plain(conflict: ConflictType) -> dict[str, object]:
    """A conflict as JSON has it: its fields, and ``type``."""
    plain: dict[str, object] = {"type": conflict.kind}
    for part in fields(conflict):
        value: object = getattr(conflict, part.name)
        plain[part.name] = list(value) if is_tuple(value) else value
    return plain


def from_plain(value: object) -> ConflictType:
    """What ``to_plain`` was given.

    Raises:
        ValueError: It is no conflict: an unknown type, a field missing, unknown or of another type.
    """
    if not is_dict(value):
        raise ValueError("a conflict is an object")
    made = _TYPES.get(str(value.get("type")))
    if made is None:
        raise ValueError(f"there is no type of conflict {value.get('type')!r}")
    expected = {f.name: f.type for f in fields(made)}
    if set(value) != {*expected, "type"}:
        raise ValueError(f"a {made.kind} conflict has the fields {', '.join(expected)}")
    return cast(
        ConflictType, made(**{n: _field(made, n, t, value[n]) for n, t in expected.items()})
    )


def _field(made: type[Any], name: str, expected: object, value: object) -> object:
    if expected in _CHECKS:
        if isinstance(value, _CHECKS[expected]):
            return value
    elif is_list(value):
        parts = tuple(value)
        if expected != tuple[str, ...] or all(isinstance(part, str) for part in parts):
            return parts
    raise ValueError(f"{name} of a {made.kind} conflict cannot be {value!r}")


def encode_conflict(conflict: ConflictType) -> bytes:
    """A conflict as canonical CBOR."""
    return encode(cast(Any, to_plain(conflict)))


def decode_conflict_untrusted(data: bytes) -> ConflictType:
    """The conflict in canonical CBOR.

    Raises:
        WireError: It is none.
    """
    try:
        return from_plain(decode_untrusted(data))
    except ValueError as error:
        raise InvalidRecordError(str(error)) from None
