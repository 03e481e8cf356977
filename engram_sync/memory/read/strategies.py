"""Which strategy reads which field of which engram, by this node's configuration.

Strategies write nothing: they decide what a reader sees of values that stand side by side.  What
they leave out stays a sibling until somebody who saw it supersedes it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial

from engram_crdt import Context, Dot, Element, latest
from engram_sync.memory.state.engram_state import EngramState
from engram_sync.memory.state.lamport import lamport_numbers
from engram_sync.memory.state.snapshot import Snapshot, Strategies
from engram_sync.model import fields as fields
from engram_sync.model.conflicts import ConflictClass, Found
from engram_sync.model.readings import metadata_key
from engram_sync.model.values import NOT_HELD, entry_of, plain
from engram_wire import WireError
from engram_wire.cbor import decode_untrusted, encode

_DEFAULT = "mvr"
_LAMPORT = "lww-lamport"

_FIELD_OF = {
    fields.CONTENT: "content",
    fields.BODY: "content",
    fields.TITLE: "title",
    fields.TYPE: "type",
    fields.CATEGORY: "category",
    fields.EPISTEMIC: "epistemic",
    fields.METADATA: "metadata",
    fields.CONFIDENCE: "confidence",
    fields.SKILL: "skill",
}
"""What configuration calls the field of a collection."""


def read_fields(
    snapshot: Snapshot, state: EngramState, by: Mapping[str, Sequence[Element]]
) -> "FieldReading":
    """The fields of an engram as the strategies of the snapshot show them.

    Args:
        snapshot: What is read; only a strategy that needs more than the state asks its store.
        state: The engram.
        by: Its live elements by collection.
    """
    return FieldReading(snapshot.strategies, state, by, partial(lamport_numbers, snapshot, state))


def unsettled(strategies: Strategies, state: EngramState, found: Iterable[Found]) -> list[Found]:
    """The conflicts that no strategy settles."""
    by: dict[str, list[Element]] = {}
    for element in state.elements:
        by.setdefault(element.collection, []).append(element)
    # Which one is shown does not matter here, so nobody has to count causes.
    read = FieldReading(strategies, state, by, dict)
    return [one for one in found if not _settles(read, one)]


def _settles(read: "FieldReading", found: Found) -> bool:
    if found.kind not in (ConflictClass.VALUE, ConflictClass.SKILL):
        return False
    return found.collection in _FIELD_OF and read.is_settled(found.collection, found.heads)


class FieldReading:
    """The fields of one engram as its strategies show them.

    Args:
        strategies: The strategy of each field, and what it does.
        state: The engram.
        by: Its live elements by collection.
        numbers: Makes the Lamport numbers of the elements.
    """

    def __init__(
        self,
        strategies: Strategies,
        state: EngramState,
        by: Mapping[str, Sequence[Element]],
        numbers: Callable[[], Mapping[Dot, int]],
    ) -> None:
        self._config = strategies.config
        self._registry = strategies.registry
        self._state = state
        self._by = by
        self._numbers = numbers
        self.notes: list[str] = []
        """What a reader should know about how it is shown."""

    def value(self, collection: str) -> object:
        """The value of a register; None without one, and while none is held."""
        return self._value(collection, self._by.get(collection, ()))

    def text(self, collection: str) -> str:
        """The text of a register; empty without one, a marker while none is held."""
        value = self.value(collection)
        if value is None:
            return NOT_HELD if collection in self._by else ""
        return value if isinstance(value, str) else ""

    def content(self) -> str:
        """The content, which may be a collaborative text."""
        bodies = self._by.get(fields.BODY)
        if not bodies:
            return self.text(fields.CONTENT)
        value = self._value(fields.BODY, self._filled(bodies))
        return value if isinstance(value, str) else NOT_HELD

    def metadata(self) -> dict[str, object]:
        """The metadata entries, each by itself, in the order of their keys."""
        groups: dict[bytes, list[Element]] = {}
        for element in self._by.get(fields.METADATA, ()):
            key = metadata_key(element.value)
            if key is not None:
                groups.setdefault(key, []).append(element)
        held: dict[str, object] = {}
        for key, group in groups.items():
            name, _ = entry_of(group[0].value or b"")
            values = [e._replace(value=(e.value or b"")[1 + len(key) :]) for e in group]
            held[name] = self._value(fields.METADATA, values)
        return {name: held[name] for name in sorted(held)}

    def heads(self) -> Sequence[Element]:
        """The heads of the skill that are shown."""
        elements = self._by.get(fields.SKILL, ())
        if len(elements) < 2 or not self._settling(fields.SKILL):
            return elements
        shown = self._registry.resolve(self._name(fields.SKILL), elements, self._context).shown
        return shown[:1]

    def is_settled(self, collection: str, elements: Sequence[Element]) -> bool:
        """Whether the strategy of a collection leaves nothing open among these elements."""
        name = self._name(collection)
        if name == _DEFAULT or not self._registry.known(name):
            return False
        if collection == fields.BODY:
            elements = self._filled(elements)
        elif collection == fields.METADATA:
            elements = [
                e._replace(value=(e.value or b"")[1 + len(metadata_key(e.value) or b"") :])
                for e in elements
            ]
        return self._resolved(name, collection, elements) is not None

    def _name(self, collection: str) -> str:
        name = _FIELD_OF[collection]
        if name in ("type", "category"):
            return self._config.of(name)
        return self._config.of(name, type=self._type, category=self._category)

    @cached_property
    def _type(self) -> str:
        return self.text(fields.TYPE)

    @cached_property
    def _category(self) -> str:
        return self.text(fields.CATEGORY)

    @cached_property
    def _context(self) -> Context:
        return Context(lamport=self._numbers())

    def _settling(self, collection: str) -> bool:
        """Whether there is something to do by another strategy than the default one."""
        name = self._name(collection)
        if name == _DEFAULT:
            return False
        if self._registry.known(name):
            return True
        self._note(
            f"{_FIELD_OF[collection]}: the strategy {name} is not registered here, so what was"
            " written at once stands side by side"
        )
        return False

    def _value(self, collection: str, elements: Sequence[Element]) -> object:
        held = [e for e in elements if e.value is not None]
        if len(held) > 1 and self._settling(collection):
            resolved = self._resolved(self._name(collection), collection, held)
            if resolved is not None:
                return resolved[0]
        newest = latest(held)
        return None if newest is None or newest.value is None else plain(newest.value)

    def _resolved(
        self, name: str, collection: str, elements: Sequence[Element]
    ) -> tuple[object] | None:
        """The one value that a strategy makes of several; None when it leaves them open."""
        context = self._context if name == _LAMPORT else Context()
        try:
            resolution = self._registry.resolve(name, elements, context)
            if resolution.open or not resolution.shown:
                return None
            made = resolution.merged
            value = resolution.shown[0].value if made is None else made
            return (None if value is None else decode_untrusted(value, bytes_max=len(value)),)
        except WireError:
            problem = "made something that is no value"
        except Exception as error:  # noqa: BLE001 - a program's own merge may raise anything
            problem = f"failed ({type(error).__name__})"
        self._note(
            f"{_FIELD_OF[collection]}: the strategy {name} {problem}, so what was written at once"
            " stands side by side"
        )
        return None

    def _filled(self, bodies: Iterable[Element]) -> list[Element]:
        """Generations of a text as elements that hold it."""
        texts = self._state.texts
        return [e._replace(value=encode(texts[e.dot])) for e in bodies if e.dot in texts]

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)
