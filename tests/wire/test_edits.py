"""Edits of text: one spelling each, and only what a document can follow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    EDIT_UNITS_MAX,
    INSERT_UNITS_MAX,
    SUPERSEDED_MAX,
    Edit,
    EditInsert,
    InvalidRecordError,
    LimitError,
    RecordKind,
    Reference,
    Span,
    WireError,
    cbor,
    clocks_taken,
    decode_edit_untrusted,
    decode_superseded_untrusted,
    encode_edit,
    encode_superseded,
    parse_shape_untrusted,
    shape_of,
)

LOG, OTHER = b"l" * 32, b"m" * 32
GENERATION = Reference(None, 0)
logs = st.none() | st.sampled_from([LOG, OTHER])
references = st.builds(Reference, logs, st.integers(0, 2**32 - 1))
inserts = st.builds(
    EditInsert, st.none() | references, st.none() | references, st.integers(1, INSERT_UNITS_MAX)
)


def apart(starts: set[int]) -> list[tuple[int, int]]:
    """Spans of one log that do not overlap: each ends before the next begins."""
    places = sorted(starts)
    ends = [*places[1:], places[-1] + 3] if places else []
    return [(a, min(b - a, INSERT_UNITS_MAX)) for a, b in zip(places, ends, strict=True)]


spans = st.dictionaries(logs, st.sets(st.integers(0, 2**32 - 4), max_size=4).map(apart)).map(
    lambda of: [Span(log, *place) for log, places in of.items() for place in places]
)
edits = st.builds(
    Edit, references, st.lists(inserts, max_size=6).map(tuple), spans.map(tuple)
).filter(lambda edit: bool(edit.inserts or edit.deletes))


@pytest.mark.slow
@given(edits)
def test_an_edit_decodes_to_itself_whatever_the_order_of_its_deletes(edit: Edit) -> None:
    data = encode_edit(edit)
    decoded = decode_edit_untrusted(data, puts=len(edit.inserts))
    assert decoded._replace(deletes=()) == edit._replace(deletes=())
    assert set(decoded.deletes) == set(edit.deletes)
    assert encode_edit(edit._replace(deletes=edit.deletes[::-1])) == data
    assert encode_edit(decoded) == data


@pytest.mark.slow
@given(edits)
def test_an_edit_takes_a_clock_for_every_unit_that_it_inserts(edit: Edit) -> None:
    shape = parse_shape_untrusted(shape_of(RecordKind.EDIT, ["x/body"] * len(edit.inserts)))
    assert clocks_taken(shape, encode_edit(edit)) == sum(i.length for i in edit.inserts)


@pytest.mark.slow
@given(edits)
def test_an_edit_supersedes_no_dots(edit: Edit) -> None:
    data, puts = encode_edit(edit), len(edit.inserts)
    assert decode_superseded_untrusted(data, kind=RecordKind.EDIT, puts=puts) == ()
    with pytest.raises(InvalidRecordError):
        decode_superseded_untrusted(data, kind=RecordKind.EDIT, puts=puts + 1)


INSERT: list[cbor.Encodable] = [0, [LOG, 4], 5]
SPAN: list[cbor.Encodable] = [0, 3, 2]


@pytest.mark.parametrize(
    "row",
    [
        [],
        [0, 0, [INSERT]],
        [0, 0, [INSERT], [], 0],
        [0, 0, [], []],
        [0, 0, [], [SPAN]],
        [0, 0, [INSERT, INSERT], []],
        [0, 0, 0, []],
        [0, 0, [INSERT], 0],
        [1, 0, [INSERT], []],
        [False, 0, [INSERT], []],
        [LOG[1:], 0, [INSERT], []],
        [None, 0, [INSERT], []],
        [0, -1, [INSERT], []],
        [0, True, [INSERT], []],
        [0, 1 << 32, [INSERT], []],
        [0, 0, [0], []],
        [0, 0, [[0, 0]], []],
        [0, 0, [[0, 0, 0]], []],
        [0, 0, [[0, 0, True]], []],
        [0, 0, [[0, 0, INSERT_UNITS_MAX + 1]], []],
        [0, 0, [[None, 0, 1]], []],
        [0, 0, [[1, 0, 1]], []],
        [0, 0, [[False, 0, 1]], []],
        [0, 0, [[[0], 0, 1]], []],
        [0, 0, [[[0, 1, 2], 0, 1]], []],
        [0, 0, [[0, [LOG, -1], 1]], []],
        [0, 0, [INSERT], [0]],
        [0, 0, [INSERT], [[0, 3]]],
        [0, 0, [INSERT], [[0, 3, 0]]],
        [0, 0, [INSERT], [[0, 3, INSERT_UNITS_MAX + 1]]],
        [0, 0, [INSERT], [[0, 2**32 - 1, 2]]],
        [0, 0, [INSERT], [SPAN, SPAN]],
        [0, 0, [INSERT], [SPAN, [0, 4, 1]]],
        [0, 0, [INSERT], [[0, 5, 1], SPAN]],
        [0, 0, [INSERT], [[LOG, 3, 2], SPAN]],
        [0, 0, [INSERT], [[OTHER, 3, 2], [LOG, 3, 2]]],
    ],
    ids=repr,
)
def test_another_edit_is_refused(row: list[cbor.Encodable]) -> None:
    with pytest.raises(InvalidRecordError):
        decode_edit_untrusted(cbor.encode(row), puts=1)


def test_spans_may_touch_and_reach_the_last_clock() -> None:
    row: list[cbor.Encodable] = [0, 0, [], [SPAN, [0, 5, 1], [LOG, 2**32 - 1, 1]]]
    edit = decode_edit_untrusted(cbor.encode(row), puts=0)
    assert edit.deletes == (Span(None, 3, 2), Span(None, 5, 1), Span(LOG, 2**32 - 1, 1))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xf6", b"\x00", b"\x84\x18\x00\x00\x80\x80"])
def test_an_edit_that_is_not_canonical_is_refused(data: bytes) -> None:
    for read in (
        lambda: decode_edit_untrusted(data, puts=0),
        lambda: decode_superseded_untrusted(data, kind=RecordKind.EDIT, puts=0),
    ):
        with pytest.raises(WireError):
            read()


def test_an_edit_is_bounded_in_spans_units_and_bytes() -> None:
    spans = tuple(
        Span(b"%032d" % n, 2**32 - 65536, INSERT_UNITS_MAX) for n in range(SUPERSEDED_MAX)
    )
    far = Reference(LOG, 2**32 - 1)
    most = EDIT_UNITS_MAX // 64
    largest = Edit(far, (EditInsert(far, far, most),) * 64, spans)
    assert decode_edit_untrusted(encode_edit(largest), puts=64) == largest
    one_more = (*spans, Span(b"z" * 32, 0, 1))
    for edit in (
        largest._replace(deletes=one_more),
        Edit(far, (EditInsert(None, None, INSERT_UNITS_MAX),) * 9, ()),
    ):
        with pytest.raises(ValueError):
            encode_edit(edit)
    rows = [[span.log, span.clock, span.length] for span in one_more]
    with pytest.raises(LimitError):
        decode_edit_untrusted(cbor.encode([0, 0, [], rows]), puts=0)
    with pytest.raises(LimitError):
        decode_edit_untrusted(bytes(1 << 20), puts=0)


def test_what_cannot_be_read_is_not_written() -> None:
    for edit in (
        Edit(GENERATION, (), ()),
        Edit(GENERATION, (), (Span(None, 3, 2), Span(None, 4, 1))),
        Edit(GENERATION, (EditInsert(None, None, 0),), ()),
        Edit(Reference(b"short", 0), (EditInsert(None, None, 1),), ()),
    ):
        with pytest.raises(ValueError):
            encode_edit(edit)
    with pytest.raises(ValueError):
        encode_superseded([], kind=RecordKind.EDIT)
