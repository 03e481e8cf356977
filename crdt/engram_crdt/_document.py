"""One engram as a document that merges."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Self

from pycrdt import Doc, Map

from ._blob import BlobState, ReadPosition, decode_blob, encode_blob
from ._boundary import cross
from ._clock import VectorClock
from ._derive import assign_clients, check_change, encode_change, removals_of
from ._digest import digest
from ._dots import Change, Dot, Element, TextEdit, TextSpan, client_id, clocks_of
from ._editing import Deletion, Insertion, clearing, edit_of
from ._entry import decode_entry
from ._errors import DocumentError
from ._export import element_structs, export_update
from ._limits import BODY, CLOCK_MAX, ENGRAM_BYTES
from ._spans import Spans, clip, union
from ._texts import TextsByGeneration
from ._yjs import Block, decode_update, encode_update

ClientOf = Callable[[bytes, bytes], int]
"""(engram, log) -> the client id that a log asks for."""

_UNREAD: Final = ReadPosition(0, -1)


class _Removals(NamedTuple):
    now: list[tuple[bytes, int, int]]
    """(log, first clock, end) of what is removed at once."""
    later: dict[bytes, list[tuple[int, int]]]
    """Log -> (first clock, end) of what is removed when it arrives."""


class EngramDocument:
    """The state of one engram: a join of changes, over a ``pycrdt.Doc``.

    The state is a function of the *set* of changes applied: the order between logs, duplicates
    and delays leave no trace.  Within a log, changes must be applied in the order of ``seq``.
    A change may remove dots of changes that have not arrived; they are dead on arrival.

    Args:
        engram: Engram id, 16 bytes.
        client_of: What gives a log its client id.  Anything but the default gives a document
            that no other implementation can read; tests force collisions with it.
    """

    def __init__(self, engram: bytes, *, client_of: ClientOf = client_id) -> None:
        if len(engram) != ENGRAM_BYTES:
            raise ValueError(f"an engram id has {ENGRAM_BYTES} bytes, not {len(engram)}")
        self._engram = engram
        self._client_of = client_of
        self._doc = _empty_doc()
        self._clients: dict[bytes, int] = {}
        self._logs: dict[bytes, ReadPosition] = {}
        self._awaited: dict[bytes, Spans] = {}
        self._texts = TextsByGeneration(self._knows)
        # Live elements as read from the document; None after a change, until somebody asks.
        self._elements: list[Element] | None = []

    @classmethod
    def load(cls, engram: bytes, blob: bytes, *, client_of: ClientOf = client_id) -> Self:
        """Restore what ``dump`` returned.

        Raises:
            DocumentError: The blob is damaged, foreign or of another engram.
        """
        document = cls(engram, client_of=client_of)
        state = decode_blob(engram, blob)
        document._logs = state.logs
        document._awaited = state.awaited
        document._fill(document._doc, state.elements, state.logs)
        bodies = [element.dot for element in state.elements if element.collection == BODY]
        document._texts.restore(state.texts, bodies)
        if state.texts and any(element.dot in document._texts for element in state.elements):
            raise DocumentError("an element and a text of the document share a dot")
        return document

    def dump(self) -> bytes:
        """Return the state as bytes for ``load``.  Documents with equal state dump equal bytes."""
        state = BlobState(self._logs, self._awaited, self._live(), self._texts.by_generation)
        return encode_blob(self._engram, state)

    def apply(self, change: Change) -> bool:
        """Merge one change.

        Returns:
            False when this record, or a later one of its log, was applied already.

        Raises:
            DocumentError: The change is malformed or its log is at the end of its clock.  The
                document is as it was.
        """
        log = change.log
        position = self._logs.get(log, _UNREAD)
        if change.seq <= position.seq:
            return False
        check_change(change)
        end = position.clock + clocks_of(change)
        if end > CLOCK_MAX:
            raise DocumentError(f"log {log.hex()[:8]} would pass clock {CLOCK_MAX}")
        if log not in self._clients:
            self._admit(log)
        removals = self._split_removals(change, position.clock, end)
        removed: dict[int, list[tuple[int, int]]] = {}
        for owner, first, until in removals.now:
            removed.setdefault(self._clients[owner], []).append((first, until - first))
        update = encode_change(change, self._clients[log], position.clock, removed)
        cross(self._doc.apply_update, update)
        self._logs[log] = ReadPosition(end, change.seq)
        if self._awaited or removals.later:
            self._await(removals.later, log)
        self._texts.apply(change, position.clock, removals.now)
        self._elements = None
        return True

    def elements(self) -> list[Element]:
        """Return the live elements, sorted by collection, log and clock."""
        return list(self._live())

    def clock(self) -> VectorClock:
        """Return how many puts of each log the document has seen: log -> next clock."""
        return VectorClock({log: position.clock for log, position in self._logs.items()})

    def applied(self) -> dict[bytes, int]:
        """Return the last record applied of each log: log -> seq."""
        return {log: position.seq for log, position in self._logs.items()}

    def texts(self) -> dict[Dot, str]:
        """Return the text of each live generation: the element of ``r/body`` -> text.

        Characters whose payload is not held are missing; ``spans`` tells which.
        """
        return self._texts.strings()

    def spans(self) -> list[TextSpan]:
        """Return all live text, that of generations that are gone included, sorted."""
        return self._texts.spans()

    def orphans(self) -> list[TextSpan]:
        """Return live text of what is no live generation: edits that its end did not know."""
        return self._texts.orphans()

    def edit_of(self, generation: Dot, ops: Iterable[Insertion | Deletion]) -> TextEdit:
        """Say by origins what operations do, one after the other, to a text as it is now.

        Args:
            generation: The live element of ``r/body`` whose text it is.
            ops: ("insert", position, text) or ("delete", position, length) each, counted in code
                points of the text as the operations before have left it.

        Returns:
            What a change of any log then carries.  It says the net effect, in a change of its own.

        Raises:
            ValueError: There is no such text, or an operation does not fit it.
        """
        return edit_of(self._texts.text(generation), ops)

    def clearing(self, generation: Dot) -> TextEdit:
        """Return the edit that deletes all of a text, as whoever replaces or drops it must do.

        What it does not name was not seen, survives as an orphan and is found.

        Raises:
            ValueError: There is no such text.
        """
        return clearing(self._texts.text(generation))

    def digest(self) -> int:
        """Return the digest of the engram, see ``engram_crdt.digest``."""
        return digest(self._engram, self._live(), self.spans())

    def yjs_update(self) -> bytes:
        """Return the document as one Yjs update, version 1, readable by any Yjs program.

        For export only: what other programs write into it cannot come back.
        """
        if not self._texts:
            return self._own_update()
        ends = {log: position.clock for log, position in self._logs.items()}
        doc = _empty_doc()
        update = export_update(self._live(), self._texts.ordered(), ends, self._clients)
        cross(doc.apply_update, update)
        return cross(doc.get_update)

    def _own_update(self) -> bytes:
        return cross(self._doc.get_update)

    def _knows(self, dot: Dot) -> bool:
        return dot.clock < self._logs.get(dot.log, _UNREAD).clock

    def _live(self) -> list[Element]:
        if self._elements is None:
            self._elements = self._read()
        return self._elements

    def _read(self) -> list[Element]:
        """Read the elements from the document's own encoding.

        Measured: a quarter of the time of reading its maps, one call per root and key.
        """
        logs = {client: log for log, client in self._clients.items()}
        elements: list[Element] = []
        for client, clock, collection, data in decode_update(self._own_update()):
            hlc, payload_hash, seq, value = decode_entry(data)
            dot = Dot(logs[client], clock)
            elements.append(Element(collection, dot, hlc, value, payload_hash, seq))
        elements.sort()
        return elements

    def _split_removals(self, change: Change, start: int, end: int) -> _Removals:
        """Tell what a change removes now from what it removes when that arrives.

        Yjs would keep removals of unknown items by itself, but unseen and not for ever: the
        document holds no state that it does not dump.
        """
        removals = _Removals([], {})
        for log, first, until in removals_of(change):
            seen = end if log == change.log else self._logs.get(log, _UNREAD).clock
            if first < min(seen, until):
                removals.now.append((log, first, min(seen, until)))
            if until > seen:
                removals.later.setdefault(log, []).append((first, until))
        if due := self._awaited.get(change.log):
            removals.now.extend((change.log, *span) for span in clip(due, start, end))
        return removals

    def _await(self, later: dict[bytes, list[tuple[int, int]]], log: bytes) -> None:
        """Keep what is yet to be removed, forget what ``log`` has brought."""
        for owner in {*later, log}:
            known = self._awaited.pop(owner, ())
            clock = self._logs.get(owner, _UNREAD).clock
            if rest := clip(union((*known, *later.get(owner, ()))), clock, CLOCK_MAX):
                self._awaited[owner] = tuple(rest)

    def _admit(self, log: bytes) -> None:
        """Give a new log its client id, and others new ones where theirs collide with it."""
        client = self._client_of(self._engram, log)
        if client in self._clients.values():
            self._fill(_empty_doc(), self._live(), {*self._clients, log})
        else:
            # Nobody probed this id, so nobody's choice changes by its being taken.
            self._clients[log] = client

    def _fill(self, doc: "Doc[Map[bytes]]", elements: list[Element], logs: Iterable[bytes]) -> None:
        """Make an empty Yjs document the one of this state, with freshly assigned clients."""
        clients = assign_clients(self._engram, logs, self._client_of)
        of_log: dict[bytes, list[Element]] = {}
        for element in elements:
            of_log.setdefault(element.dot.log, []).append(element)
        blocks = [
            Block(
                clients[log],
                0,
                element_structs(clients[log], position.clock, of_log.get(log, [])),
            )
            for log, position in self._logs.items()
        ]
        cross(doc.apply_update, encode_update(blocks, {}))
        self._doc, self._clients, self._elements = doc, clients, elements


def _empty_doc() -> "Doc[Map[bytes]]":
    # The document never writes of its own accord, so its own client id is never used; a fixed
    # one keeps runs repeatable.  No log gets 0.
    return Doc(client_id=0)
