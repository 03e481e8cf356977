"""What a store of record format 1 held of an engram, and the records that say it again.

It can be deleted together with ``engram_sync.store._format_1``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from engram_crdt import Dot, Element, EngramDocument
from engram_sync.api import Life
from engram_sync.ledger import Draft
from engram_sync.memory.state.changes import change_of, is_applied
from engram_sync.memory.state.engram_state import EngramState
from engram_sync.memory.state.shown_texts import orphan_element
from engram_sync.model import fields as fields
from engram_sync.model.conflicts import bits
from engram_sync.model.fields import Put
from engram_sync.model.life import life_now
from engram_sync.model.limits import PAYLOAD_BYTES_MAX, PUTS_MAX
from engram_sync.model.readings import metadata_key
from engram_wire import Record, RecordKind
from engram_wire.cbor import decode_untrusted, encode

from .lifecycle import restated
from .texts import body_label, first_text

WRITTEN_BY = "written by"
"""The metadata entry that keeps who had written what is now signed by another node."""

_KEYED = 8  # The version in a UUID that was derived, see ``engram_sync.ledger.keyed_id``.


class LiveBefore(NamedTuple):
    """What was live of an engram."""

    elements: Sequence[Element]
    texts: Mapping[Dot, str]
    """Collaborative texts, by the element that begins them."""
    orphans: Sequence[Element]
    """Live text of generations that were gone, as elements of ``x/body``."""

    def is_live(self) -> bool:
        """Whether there is more to bring than that it was deleted."""
        if life_now(self.elements)[0] is not Life.DELETED:
            return True
        return bool(bits(self.elements, texts=self.texts, orphans=self.orphans))

    def is_told(self, engram: bytes) -> bool:
        """Whether it is said again: what is live, and of ids made from a key, what was deleted.

        Else who remembers or imports it again by its key would have it back.
        """
        return self.is_live() or engram[6] >> 4 == _KEYED

    def lost(self) -> int:
        """How many values were not held, and so cannot be said again."""
        live = (*self.elements, *self.orphans)
        return sum(e.value is None and e.collection != fields.BODY for e in live)

    def authors(self) -> list[bytes]:
        """The logs of who wrote what is shown, oldest first."""
        shown = [e for e in self.elements if e.collection in (fields.BODY, fields.CONTENT)]
        in_order = sorted(shown or self.elements, key=lambda e: (e.hlc, e.dot))
        return list(dict.fromkeys(e.dot.log for e in in_order))


def held_in_view(view: bytes) -> LiveBefore:
    """What the row of an engram kept for its readers.

    Raises:
        WireError, ValueError, TypeError, IndexError: The view is damaged.
    """
    parts = cast(list[list[list[object]]], decode_untrusted(view[8:], bytes_max=len(view)))
    ids = [cast(bytes, log[0]) for log in parts[0]]
    texts: dict[Dot, str] = {}
    orphans: list[Element] = []
    if len(parts) > 2:  # The first release had no texts.
        for log, clock, text in cast(list[tuple[int, int, str]], parts[2]):
            texts[Dot(ids[log], clock)] = text
        orphans = _elements(parts[3], ids)
    return LiveBefore(_elements(parts[1], ids), texts, orphans)


def _elements(rows: list[list[object]], ids: Sequence[bytes]) -> list[Element]:
    elements: list[Element] = []
    for row in rows:
        collection, log, clock, hlc, value, payload_hash, seq = cast(
            tuple[str, int, int, int, bytes | None, bytes, int], tuple(row)
        )
        elements.append(Element(collection, Dot(ids[log], clock), hlc, value, payload_hash, seq))
    return elements


def held_in_records(engram: bytes, records: Iterable[tuple[bytes, Record]]) -> LiveBefore:
    """What records say of an engram, whatever their clocks; none of their logs was forked.

    Args:
        engram: Id of the engram.
        records: The id of the log and the record, in an order in which they may be applied.

    Raises:
        WireError: A record is damaged.
    """
    document = EngramDocument(engram)
    for log, record in records:
        if is_applied(record):
            document.apply(change_of(log, record))
    orphans = [orphan_element(span) for span in document.orphans()]
    return LiveBefore(document.elements(), document.texts(), orphans)


def said_again(
    engram: bytes, held: LiveBefore, *, oldest: int, newest: int, written_by: str
) -> list[Draft]:
    """The records that say again what is live, under the same id and with its dates.

    Concurrent edits stay side by side, what is archived stays archived, and the value that is
    shown stays the one shown.  What is left of replaced texts comes back as a text beside them.

    Args:
        engram: Id of the engram.
        held: What is live of it.
        oldest: The smallest clock among its records.
        newest: The largest one.
        written_by: Who wrote it, in words; empty for the node that says it again.
    """
    drafts: list[Draft] = []
    edits: list[Draft] = []
    clock = 0
    times = _by_time(held)
    if times and oldest >> 16 < times[0][0]:
        # Nothing that it began with is live; the date of its creation is.
        drafts.append(Draft(RecordKind.CREATE, engram, at_ms=oldest >> 16))
    for ms, puts in times:
        for part in _parts([put for put, _ in puts]):
            kind = RecordKind.UPDATE if drafts else RecordKind.CREATE
            drafts.append(Draft(kind, engram, tuple(part), at_ms=ms))
        for _, text in puts:
            if text is not None:
                edits += first_text(engram, clock, text)
            clock += 1
    if written_by and not _names_author(held):
        # A record of its own: who remembers it again by its source key finds what it began with.
        note = (fields.METADATA, fields.metadata_value(WRITTEN_BY, written_by))
        drafts.append(Draft(RecordKind.UPDATE, engram, (note,), at_ms=newest >> 16))
    return drafts + [
        Draft(edit.kind, engram, edit.puts, edit=edit.edit, at_ms=newest >> 16) for edit in edits
    ]


def _names_author(held: LiveBefore) -> bool:
    return any(map(_is_author, held.elements))


def _is_author(element: Element) -> bool:
    """Whether a value is the entry that says who wrote the memory."""
    if element.collection != fields.METADATA or element.value is None:
        return False
    return metadata_key(element.value) == fields.metadata_key_value(WRITTEN_BY)


def says_all(held: EngramState, state: EngramState) -> bool:
    """Whether a memory says all that another of the same id does, whoever wrote either.

    So it is where two members of one agent have both migrated it.
    """
    return _values(state) <= _values(held)


def _values(state: EngramState) -> set[Put]:
    puts = (restated(e) for e in state.elements if not _is_author(e))
    texts = {(fields.BODY, encode(text)) for text in state.texts.values()}
    return {put for put in puts if put is not None} | texts


_Said = tuple[Put, str | None]
"""What is put, and the text that it begins."""


def _by_time(held: LiveBefore) -> list[tuple[int, list[_Said]]]:
    """What is live by the millisecond in which it was written; the same value only once."""
    newest_first = sorted(held.elements, key=lambda e: (e.hlc, e.dot), reverse=True)
    seen: set[_Said] = set()
    times: dict[int, list[_Said]] = {}
    for element in newest_first:
        said = _said(element, held.texts)
        if said is not None and said not in seen:
            seen.add(said)
            times.setdefault(element.hlc >> 16, []).append(said)
    left = "".join(
        cast(str, decode_untrusted(e.value, bytes_max=len(e.value)))
        for e in held.orphans
        if e.value is not None
    )
    if left:
        # Before all other content, so that what is shown stays the one shown.
        shown = [e.hlc for e in held.elements if e.collection in (fields.BODY, fields.CONTENT)]
        ms = min([*shown, *(e.hlc for e in held.orphans)]) >> 16
        times.setdefault(ms, []).append(((fields.BODY, body_label(left)), left))
    return [(ms, times[ms][::-1]) for ms in sorted(times)]


def _said(element: Element, texts: Mapping[Dot, str]) -> _Said | None:
    if element.collection == fields.BODY:
        text = texts.get(element.dot, "")
        return (fields.BODY, body_label(text)), text
    put = restated(element)
    return None if put is None else (put, None)


def _parts(puts: Sequence[Put]) -> list[list[Put]]:
    """Puts in as many records as they need."""
    parts: list[list[Put]] = []
    size = 0
    for put in puts:
        if not parts or len(parts[-1]) == PUTS_MAX or size + len(put[1]) > PAYLOAD_BYTES_MAX // 2:
            parts.append([])
            size = 0
        parts[-1].append(put)
        size += len(put[1])
    return parts
