"""What calls about memories take: a memory to be written, what should change, which are wanted."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Literal,
    cast,
)

import msgspec
from msgspec.structs import force_setattr

from engram_sync.api._memories import (
    Delete,
    Insert,
    MemoryType,
)

if TYPE_CHECKING:
    Edit = Insert | Delete | tuple[str, int, str | int]
    """One edit; in JSON ``["insert", position, text]`` or ``["delete", position, length]``."""
else:
    # What travels and is performed: an Insert or a Delete is turned into that.
    Edit = tuple[Literal["insert", "delete"], int, str | int]


Belief = Mapping[str, object]
"""subject, relation, object, and optionally polarity and confidence."""


class NewMemory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A memory to be written; only its content has to be given."""

    content: str
    """The memory itself, at most 256 KiB of UTF-8."""
    type: str = MemoryType.SEMANTIC
    """instant, episodic, semantic or procedural; it decides the default scope."""
    scope: str | None = None
    """instance or agent, if not the type's default."""
    title: str = ""
    category: str = ""
    """Free text for grouping."""
    tags: Collection[str] = ()
    """Words to filter by."""
    confidence: float = 1.0
    """In [0, 1]."""
    metadata: Mapping[str, object] = msgspec.field(default_factory=dict[str, object])
    """Names to JSON values."""
    belief: Belief | Sequence[Belief] | None = None
    """One or several of: subject, relation, object, polarity (bool), confidence."""
    events: Sequence[object] = ()
    """What happened, in order: texts, or objects as JSON has them; ``key`` of an object is its
    source key."""
    key: str | None = None
    """Source key: the same key in the same scope names the same engram.  To remember the same
    under it again changes nothing, also after an update or a delete (then restore it); to remember
    something else is refused.  Two imports at once tell each event and count each count once."""
    epistemic: str = ""
    """One of ``Epistemic``, except reported; empty states nothing."""
    skill: Mapping[str, object] | None = None
    """name, and steps (a list of texts) or text, and optionally confidence."""
    counters: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])
    """Where each counter starts."""
    collaborative: bool = False
    """Make ``content`` a text that several can edit at once, by ``update(edits=...)``."""

    def __post_init__(self) -> None:
        _keep_copies(self)
        for name in ("metadata", "counters"):
            if getattr(self, name) is None:  # As callers say that there are none.
                force_setattr(self, name, {})


class MemoryUpdate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What should change of a memory; what is None or empty stays as it is."""

    content: str | None = None
    """Of a collaborative memory: a new text in place of the old one, not an edit of it."""
    title: str | None = None
    category: str | None = None
    add_tags: Collection[str] = ()
    remove_tags: Collection[str] = ()
    confidence: float | None = None
    metadata: Mapping[str, object] | None = None
    """Entries to set; a value of None removes the entry."""
    epistemic: str | None = None
    """One of ``Epistemic``, except reported; empty takes back what was stated."""
    believe: Belief | Sequence[Belief] | None = None
    """Opinions to hold from now on, each in place of one's own about the same subject and
    relation."""
    add_events: Sequence[object] = ()
    amend_events: Mapping[str, object] | None = None
    """By the id of an event: what it should say."""
    remove_events: Collection[str] = ()
    """Ids of events to take out."""
    refine: Mapping[str, object] | None = None
    """The next version of the skill, in full; the name may be left out."""
    refine_parents: Collection[str] | None = None
    """Ids of the refinements it was made from; None means every head that was seen."""
    count: Mapping[str, int] | None = None
    """By the name of a counter: what to add to it."""
    edits: Sequence[Edit] = ()
    """Edits of a collaborative text; the first one's position counts in the text that the
    caller's version shows."""

    def __post_init__(self) -> None:
        _keep_copies(self)
        force_setattr(self, "edits", tuple(map(_plain_edit, self.edits)))


def _keep_copies(part: msgspec.Struct) -> None:
    """Let nobody change what was given before it has been performed."""
    for name in part.__struct_fields__:
        value: object = getattr(part, name)
        if isinstance(value, Mapping):
            force_setattr(part, name, dict(cast(Mapping[object, object], value)))
        elif isinstance(value, Iterable) and not isinstance(value, str | tuple):
            force_setattr(part, name, tuple(cast(Iterable[object], value)))


def _plain_edit(edit: Edit) -> tuple[str, int, str | int]:
    """An edit in the one form that JSON can tell apart."""
    if isinstance(edit, Insert):
        return ("insert", edit.position, edit.text)
    if isinstance(edit, Delete):
        return ("delete", edit.position, edit.length)
    return edit


class Filters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which memories are wanted."""

    tags: Collection[str] = ()
    """Only engrams that have all of these."""
    type: str | None = None
    """Only engrams of this type."""
    scope: str | None = None
    """Only engrams of this node's scope of this kind, or of the scope with this id."""
    since_ms: int | None = None
    """Only engrams changed at or after this time."""
    life: str | None = "active"
    """active, archived, deleted or all; None is all.  What is deleted is listed, never recalled."""
    epistemic: str | None = None
    """Only engrams of this epistemic status, empty for those of none; reported selects hearsay,
    whatever its author stated."""

    def __post_init__(self) -> None:
        _keep_copies(self)
