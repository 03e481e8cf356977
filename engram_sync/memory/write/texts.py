"""Collaborative texts: edits at the positions a caller saw, as records that name origins.

A text belongs to a generation, an element of ``r/body``.  To replace a text is to begin another
generation, never to delete everything and insert: two replacements that did not know of each other
would be strung together.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate

from engram_crdt import Dot, EngramDocument, EngramTexts, TextEdit
from engram_sync.api import Delete, Insert
from engram_sync.api.arguments import Edit
from engram_sync.errors import PreconditionError, UsageError
from engram_sync.ledger import Draft
from engram_sync.memory.materialise.live_texts import recent_texts
from engram_sync.memory.read.caller_view import CallerView, document_at
from engram_sync.memory.state.changes import change_of, units_of
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.memory.state.stored import streamed
from engram_sync.model.fields import BODY, TEXT, content_value
from engram_sync.model.limits import EDITS_MAX, PUTS_MAX
from engram_sync.model.values import NOT_HELD_HINT
from engram_wire import (
    INSERT_UNITS_MAX,
    SUPERSEDED_MAX,
    RecordKind,
    Reference,
    Span,
    decode_edit_untrusted,
    parse_shape_untrusted,
)
from engram_wire import Edit as WireEdit
from engram_wire import EditInsert as WireInsert
from engram_wire.cbor import encode, is_list, is_tuple

_Op = tuple[str, int, str] | tuple[str, int, int]


def body_label(text: str) -> bytes:
    """The value of the element that begins a generation: it tells equal texts from others.

    It stands in the payload, salted and erasable like any value.
    """
    return encode(blake2b(text.encode(), digest_size=16, person=b"engram body").hexdigest())


def first_text(engram: bytes, generation: int, text: str) -> list[Draft]:
    """The edit that fills a generation begun by the same log in the same batch.

    Args:
        engram: Id of the engram.
        generation: Clock of the element that begins it, in the author's own log.
        text: What it holds at first.
    """
    chunks = list(_chunks(text))
    if not chunks:
        return []
    edit = WireEdit(
        Reference(None, generation),
        tuple(WireInsert(None, None, length) for _, length in chunks),
        (),
    )
    puts = tuple((TEXT, encode(chunk)) for chunk, _ in chunks)
    return [Draft(RecordKind.EDIT, engram, puts, edit=edit)]


def edit_text(
    snapshot: Snapshot,
    observed: CallerView,
    edits: Sequence[Edit],
    own_log: bytes,
) -> list[Draft]:
    """The records of edits at positions of the text that the caller saw.

    Raises:
        UsageError: It is no collaborative text, or an edit is malformed or outside the text.
        PreconditionError: The text was replaced since, or several stand side by side.
    """
    generation = _generation(observed)
    document = as_seen(snapshot, observed)
    ops = [_op(number, edit) for number, edit in enumerate(edits, 1)]
    if len(ops) > EDITS_MAX:
        raise UsageError(f"{len(ops)} edits were given; at most {EDITS_MAX} fit in one update")
    content_value(_edited(document.texts().get(generation, ""), ops))
    try:
        made = document.edit_of(generation, ops)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return [
        *edit_drafts(
            observed.state.engram, made, own_log, ends_of(snapshot, observed.state.engram)
        ),
        *clear_orphans(document, observed, own_log),
    ]


def clear_text(snapshot: Snapshot, observed: CallerView, own_log: bytes) -> list[Draft]:
    """The records that take away every text the caller saw, to make room for another."""
    if not observed.live(BODY) and not observed.orphans:
        return []
    document = as_seen(snapshot, observed)
    drafts: list[Draft] = []
    end_of = ends_of(snapshot, observed.state.engram)
    for element in observed.live(BODY):
        made = document.clearing(element.dot)
        drafts += edit_drafts(observed.state.engram, made, own_log, end_of)
    return [*drafts, *clear_orphans(document, observed, own_log)]


def clear_orphans(
    document: EngramTexts | EngramDocument,
    observed: CallerView,
    own_log: bytes,
    *,
    of: Collection[Dot] | None = None,
) -> list[Draft]:
    """The records that settle edits of texts that are gone.

    Args:
        document: As the caller saw it.
        observed: What it saw; without a version it meant to settle none.
        own_log: Id of the log that will carry the records.
        of: The generations of which edits are settled, whatever was meant; None for all.
    """
    gone: dict[Dot, list[tuple[Dot, int]]] = {}
    for span in document.orphans():
        if observed.by_version if of is None else span.generation in of:
            gone.setdefault(span.generation, []).append((span.dot, span.length))
    return [
        draft
        for generation, spans in gone.items()
        for draft in edit_drafts(
            observed.state.engram, TextEdit(generation, (), tuple(spans)), own_log
        )
    ]


def as_seen(snapshot: Snapshot, observed: CallerView) -> EngramTexts | EngramDocument:
    """The texts as they were in the caller's view."""
    state, row = observed.state, observed.state.row
    if observed.name:
        # Whoever observed it has found it once.
        then = document_at(snapshot, state, observed.name)
        return EngramTexts() if then is None else then
    return recent_texts(snapshot, row)


def texts_taken(
    snapshot: Snapshot, observed: CallerView, generations: Collection[Dot]
) -> Mapping[Dot, str]:
    """The texts that would stand, had nobody written the deletes that the caller would undo.

    These are the deletes the caller saw, and those that nobody who saw them has undone.

    Raises:
        PreconditionError: Some characters of ``generations`` are not held here, and were not
            erased: the text would come back with a gap.
    """
    state = observed.state
    seen = {(e.dot.log, e.seq) for e in observed.tombstones()}
    document = EngramDocument(state.engram)
    for stored in streamed(snapshot, state.scope, state.engram):
        change = change_of(stored.log_id, stored.record, stored.naming)
        unseen = document.clock().get(change.log, 0) >= observed.clock.get(change.log, 0)
        if change.until and (unseen or (change.log, change.seq) in seen):
            change = change._replace(until=())
        document.apply(change)
    _refuse_gaps(snapshot, observed, document, generations)
    return document.texts()


def _refuse_gaps(
    snapshot: Snapshot,
    observed: CallerView,
    document: EngramDocument,
    generations: Collection[Dot],
) -> None:
    for span in document.spans():
        if span.generation in generations and span.text is None:
            log = snapshot.log_number(span.dot.log)
            if not snapshot.reader.erased(log, [span.seq]):
                raise PreconditionError(
                    f"a part of the text of memory {observed.text} is not held here",
                    hint=NOT_HELD_HINT,
                )


def _generation(observed: CallerView) -> Dot:
    seen = observed.live(BODY)
    if len(seen) == 1:
        return seen[0].dot
    if seen:
        raise PreconditionError(
            f"memory {observed.text} has {len(seen)} texts side by side",
            hint="settle them with new content for --if-version, then edit that",
        )
    if observed.state.live(BODY):
        raise PreconditionError(
            f"the text of memory {observed.text} was replaced since",
            hint=f"look at it again with `engram-sync get {observed.text}`",
        )
    raise UsageError(
        f"memory {observed.text} is no collaborative text",
        hint="give its new content as a whole, or remember it as a collaborative one",
    )


def _op(number: int, edit: object) -> _Op:
    if isinstance(edit, Insert):
        edit = ("insert", *edit)
    elif isinstance(edit, Delete):
        edit = ("delete", *edit)
    if (is_tuple(edit) or is_list(edit)) and len(edit) == 3:
        kind, at, what = edit
        if type(at) is int:
            if kind == "insert" and isinstance(what, str):
                return "insert", at, what
            if kind == "delete" and type(what) is int:
                return "delete", at, what
    raise UsageError(
        f"edit {number} cannot be {edit!r:.80}",
        hint='use ("insert", position, text) or ("delete", position, length)',
    )


def _edited(text: str, ops: Sequence[_Op]) -> str:
    """The text after the edits.

    Raises:
        UsageError: One of them is outside the text as those before it left it.
    """
    for number, (_, at, what) in enumerate(ops, 1):
        length = 0 if isinstance(what, str) else what
        if at < 0 or length < 0 or at + length > len(text):
            raise UsageError(
                f"edit {number} reaches beyond the text, which has {len(text)} characters there",
                hint="positions count characters of the version that is edited",
            )
        text = text[:at] + (what if isinstance(what, str) else "") + text[at + length :]
    return text


def ends_of(snapshot: Snapshot, engram: bytes) -> Callable[[Dot], int]:
    """What tells of a unit of text the clock after the insert that wrote it."""

    def end_of(unit: Dot) -> int:
        log = snapshot.log_number(unit.log)
        found = snapshot.reader.taker(engram, log, unit.clock)
        assert found is not None, "it stands in a text"
        clock, record = found
        puts = len(parse_shape_untrusted(record.shape).collections)
        lengths = [put.length for put in decode_edit_untrusted(record.superseded, puts).inserts]
        return next(end for end in accumulate(lengths, initial=clock) if end > unit.clock)

    return end_of


def _next(unit: Dot) -> int:
    """As ``ends_of`` where every unit may be an insert of its own."""
    return unit.clock + 1


def edit_drafts(
    engram: bytes, made: TextEdit, own_log: bytes, end_of: Callable[[Dot], int] = _next
) -> list[Draft]:
    """An edit as records: one, and more where one cannot delete it all; see ``ends_of``."""
    if len(made.inserts) > PUTS_MAX:
        raise UsageError(
            f"the edits insert at {len(made.inserts)} places; at most {PUTS_MAX} fit in one update",
            hint="edit in several steps",
        )

    def reference(dot: Dot | None) -> Reference | None:
        return None if dot is None else _reference(dot, own_log)

    generation = _reference(made.generation, own_log)
    inserts = tuple(
        WireInsert(reference(i.left), reference(i.right), i.length) for i in made.inserts
    )
    puts = tuple((TEXT, encode(insert.text or "")) for insert in made.inserts)
    parts = [
        _sorted(Span(*_reference(dot, own_log), length) for dot, length in part)
        for part in _parts(made.deletes, end_of)
    ]
    drafts: list[Draft] = []
    for deletes in parts or [()] * bool(inserts):
        edit = WireEdit(generation, inserts, deletes)
        drafts.append(Draft(RecordKind.EDIT, engram, puts, edit=edit))
        inserts, puts = (), ()
    return drafts


def _parts(
    spans: Iterable[tuple[Dot, int]], end_of: Callable[[Dot], int]
) -> Iterator[list[tuple[Dot, int]]]:
    """Deleted spans in parts that one edit each can delete: each of so many inserts."""
    part: list[tuple[Dot, int]] = []
    room = SUPERSEDED_MAX
    for (log, first), length in spans:
        begin, clock, end = first, first, first + length
        while clock < end:
            clock, room = min(end, end_of(Dot(log, clock))), room - 1
            if clock == end or not room:
                part.append((Dot(log, begin), clock - begin))
                begin = clock
            if not room:
                yield part
                part, room = [], SUPERSEDED_MAX
    if part:
        yield part


def _sorted(spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: (span.log or b"", span.clock)))


def _reference(dot: Dot, own_log: bytes) -> Reference:
    return Reference(None if dot.log == own_log else dot.log, dot.clock)


def _chunks(text: str) -> Iterable[tuple[str, int]]:
    """The text in parts that one insert each can hold, with their lengths in UTF-16 units."""
    step = INSERT_UNITS_MAX // 2  # A character has at most two units.
    for start in range(0, len(text), step):
        part = text[start : start + step]
        yield part, units_of(part)
