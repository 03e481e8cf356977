"""Shapes, superseded dots and ids: one spelling each, and bounds on all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    AUTH_UNCHANGED,
    INSERTED_TEXT,
    NO_IDS,
    NO_SUPERSEDED,
    OPTIONAL,
    SUPERSEDED_MAX,
    InvalidRecordError,
    LimitError,
    RecordKind,
    Superseded,
    WireError,
    cbor,
    clocks_taken,
    decode_auth_untrusted,
    decode_ids_untrusted,
    decode_superseded_untrusted,
    encode_ids,
    encode_superseded,
    parse_shape_untrusted,
    shape_of,
    statement_shape,
)

UNKNOWN_KIND = 12
UNKNOWN_MEMBERSHIP_KIND = 18 | OPTIONAL
ids32 = st.binary(min_size=32, max_size=32)


# ---- shape ---------------------------------------------------------------------------------------


def test_a_shape_keeps_its_kind_and_collections() -> None:
    shape = shape_of(RecordKind.UPDATE, ["r/content", "s/tags", "s/tags"])
    parsed = parse_shape_untrusted(shape)
    assert (parsed.kind, parsed.collections) == (1, ("r/content", "s/tags", "s/tags"))
    assert parsed.statement is None


def test_a_statement_keeps_its_kind_and_array() -> None:
    parsed = parse_shape_untrusted(statement_shape(RecordKind.ADMIT, [b"k" * 32, 2, None]))
    assert (parsed.kind, parsed.collections) == (17, ())
    assert parsed.statement == [b"k" * 32, 2, None]


def test_the_statement_of_an_unknown_kind_is_kept_as_it_is() -> None:
    kind = UNKNOWN_MEMBERSHIP_KIND
    parsed = parse_shape_untrusted(bytes((kind,)) + cbor.encode([{"future": [1.5]}]))
    assert parsed == (kind, (), [{"future": [1.5]}])


def test_a_parsed_statement_is_nobody_elses() -> None:
    shape = statement_shape(RecordKind.ADMIT, [1])
    first = parse_shape_untrusted(shape).statement
    assert first is not None
    first.append(2)
    assert parse_shape_untrusted(shape).statement == [1]


@pytest.mark.parametrize(
    "name",
    ["", "r", "r/", "R/content", "r/Content", "1/content", "rr/content", "r/c", "r/" + "c" * 62],
)
def test_collection_names_are_bounded_lower_case(name: str) -> None:
    allowed = name in {"r/c", "r/" + "c" * 62}
    shape = bytes((0,)) + cbor.encode([name])
    if allowed:
        assert parse_shape_untrusted(shape).collections == (name,)
        assert shape_of(0, [name]) == shape
        return
    with pytest.raises(InvalidRecordError):
        parse_shape_untrusted(shape)
    with pytest.raises(ValueError):
        shape_of(0, [name])


@pytest.mark.parametrize("name", ["r/" + "c" * 63, "r/content\n", "r/é", "r/content "])
def test_other_collection_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidRecordError):
        parse_shape_untrusted(b"\x00" + cbor.encode([name]))


@pytest.mark.parametrize(
    "shape",
    [
        b"",
        b"\x18\x80",
        b"\xff\x80",
        b"\x00",
        b"\x00\x01",
        b"\x10\xf6",
        b"\x00" + cbor.encode([b"r/content"]),
        b"\x00" + cbor.encode(["r/content"] * 65),
        b"\x00\x98\x01\x63r/c",
        b"\x00\x80\x00",
    ],
)
def test_a_shape_that_is_none_is_refused(shape: bytes) -> None:
    with pytest.raises(WireError):
        parse_shape_untrusted(shape)


def test_a_shape_above_its_size_is_refused_unread() -> None:
    with pytest.raises(LimitError):
        parse_shape_untrusted(b"\x10" + bytes(8 << 10))
    with pytest.raises(ValueError):
        statement_shape(16, [bytes(8 << 10)])


@pytest.mark.parametrize("kind", [-1, 16, 24])
def test_a_data_shape_has_the_kind_of_a_data_record(kind: int) -> None:
    with pytest.raises(ValueError):
        shape_of(kind, [])


@pytest.mark.parametrize("kind", [0, 15, 24])
def test_a_statement_has_the_kind_of_a_membership_record(kind: int) -> None:
    with pytest.raises(ValueError):
        statement_shape(kind, [])


# ---- superseded dots -----------------------------------------------------------------------------


dots = st.builds(Superseded, st.integers(0, 3), st.none() | ids32, st.integers(0, 2**32 - 1))


@pytest.mark.slow
@given(st.lists(dots, max_size=8))
def test_superseded_dots_have_one_spelling_whatever_their_order(items: list[Superseded]) -> None:
    encoded = encode_superseded(items)
    assert encode_superseded([*reversed(items), *items]) == encoded
    decoded = decode_superseded_untrusted(encoded, kind=RecordKind.UPDATE, puts=3)
    assert set(decoded) == set(items)
    assert encode_superseded(decoded) == encoded


@given(st.dictionaries(st.none() | ids32, st.integers(0, 2**32 - 1), max_size=5))
def test_a_delete_names_each_log_once(until: dict[bytes | None, int]) -> None:
    items = [Superseded(0, log, clock) for log, clock in until.items()]
    encoded = encode_superseded(items, kind=RecordKind.DELETE)
    decoded = decode_superseded_untrusted(encoded, kind=RecordKind.DELETE, puts=0)
    assert {log: clock for _, log, clock in decoded} == until


@pytest.mark.parametrize(
    ("kind", "flat"),
    [
        (1, [0]),
        (1, [0, 0]),
        (1, [0, 0, 1, 0]),
        (1, [3, 0, 1]),
        (1, [-1, 0, 1]),
        (1, [True, 0, 1]),
        (1, [0, 1, 1]),
        (1, [0, False, 1]),
        (1, [0, b"short", 1]),
        (1, [0, None, 1]),
        (1, [0, 0, -1]),
        (1, [0, 0, 2**32]),
        (1, [0, 0, 1.0]),
        (1, [0, 0, 2, 0, 0, 1]),
        (1, [0, 0, 1, 0, 0, 1]),
        (1, [1, 0, 1, 0, 0, 1]),
        (1, [0, b"a" * 32, 1, 0, 0, 1]),
        (2, [0, 1, 1]),
        (2, [0, -1]),
        (2, [0, 2**32]),
        (2, [0, 1, 0, 2]),
        (2, [b"b" * 32, 1, b"a" * 32, 1]),
        (7, [0, 0]),
        (7, [0, 2**40]),
        (7, [0, 1, 0, 1]),
        (7, [0, 2, 0, 1]),
        (7, [b"a" * 32, 1, 0, 1]),
        (7, [0, 0, 1]),
        (8, [0, 1]),
        (8, [b"a" * 32, 0]),
        (8, [b"a" * 32, 2**40]),
        (8, [b"a" * 32, 1, b"a" * 32, 2]),
        (8, [b"b" * 32, 1, b"a" * 32, 1]),
        (16, [0, 0, 1]),
    ],
)
def test_other_superseded_dots_are_refused(kind: int, flat: list[cbor.Value]) -> None:
    with pytest.raises(InvalidRecordError):
        decode_superseded_untrusted(cbor.encode(flat), kind=kind, puts=2)


@pytest.mark.slow
@given(st.sets(st.tuples(st.none() | ids32, st.integers(1, 2**40 - 1)), max_size=6))
def test_an_erase_names_each_record_once(records: set[tuple[bytes | None, int]]) -> None:
    items = [Superseded(0, log, seq) for log, seq in records]
    encoded = encode_superseded([*items, *items], kind=RecordKind.ERASE)
    decoded = decode_superseded_untrusted(encoded, kind=RecordKind.ERASE, puts=0)
    assert {(log, seq) for _, log, seq in decoded} == records
    assert encode_superseded(decoded, kind=RecordKind.ERASE) == encoded


@given(st.dictionaries(ids32, st.integers(1, 2**40 - 1), max_size=5))
def test_a_seal_names_each_log_once_and_never_its_own(ends: dict[bytes, int]) -> None:
    items = [Superseded(0, log, seq) for log, seq in ends.items()]
    encoded = encode_superseded(items, kind=RecordKind.SEAL)
    decoded = decode_superseded_untrusted(encoded, kind=RecordKind.SEAL, puts=0)
    assert {log: seq for _, log, seq in decoded} == ends


@given(st.dictionaries(ids32, st.integers(0, 2**40 - 1), max_size=5))
def test_a_void_names_what_stands_of_each_log_once_and_never_its_own(
    ends: dict[bytes, int],
) -> None:
    items = [Superseded(0, log, seq) for log, seq in ends.items()]
    encoded = encode_superseded(items, kind=RecordKind.VOID)
    decoded = decode_superseded_untrusted(encoded, kind=RecordKind.VOID, puts=0)
    assert {log: seq for _, log, seq in decoded} == ends


@given(st.sets(st.tuples(ids32, st.integers(1, 2**40 - 1)), max_size=5))
def test_a_ratify_names_each_record_once_and_none_of_its_own_log(
    records: set[tuple[bytes, int]],
) -> None:
    items = [Superseded(0, log, seq) for log, seq in records]
    encoded = encode_superseded(items, kind=RecordKind.RATIFY)
    decoded = decode_superseded_untrusted(encoded, kind=RecordKind.RATIFY, puts=0)
    assert {(log, seq) for _, log, seq in decoded} == records


@pytest.mark.parametrize("kind", [RecordKind.SEAL, RecordKind.VOID, RecordKind.RATIFY])
def test_no_log_is_ended_by_a_record_of_its_own(kind: RecordKind) -> None:
    with pytest.raises(InvalidRecordError, match="names the log that it stands in"):
        decode_superseded_untrusted(cbor.encode([0, 7]), kind=kind, puts=0)


@pytest.mark.parametrize(
    "kind",
    [RecordKind.JOIN, RecordKind.ERASE, RecordKind.SEAL, RecordKind.VOID, RecordKind.RATIFY],
)
def test_a_kind_that_only_names_what_exists_has_no_puts(kind: RecordKind) -> None:
    assert parse_shape_untrusted(shape_of(kind, [])).collections == ()
    with pytest.raises(InvalidRecordError):
        parse_shape_untrusted(bytes((kind,)) + cbor.encode(["r/title"]))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (RecordKind.EDIT, "r/body"),
        (RecordKind.EDIT, "x/text"),
        (RecordKind.UPDATE, "x/body"),
        (RecordKind.UPDATE, "x/y"),
    ],
)
def test_inserted_text_stands_in_edits_and_nothing_else_does(kind: RecordKind, name: str) -> None:
    assert parse_shape_untrusted(shape_of(RecordKind.EDIT, [INSERTED_TEXT] * 2)).kind == 9
    with pytest.raises(ValueError):
        shape_of(kind, [name])
    with pytest.raises(InvalidRecordError):
        parse_shape_untrusted(bytes((kind,)) + cbor.encode([name]))


def test_only_kinds_that_change_a_document_take_clocks() -> None:
    names = ["r/content", "s/tags"]
    for kind in (*range(6), 12):
        shape = parse_shape_untrusted(bytes((kind,)) + cbor.encode(names))
        assert clocks_taken(shape, NO_SUPERSEDED) == 2
    for kind in (RecordKind.JOIN, RecordKind.ERASE, RecordKind.VOID, RecordKind.RATIFY):
        assert clocks_taken(parse_shape_untrusted(shape_of(kind, [])), NO_SUPERSEDED) == 0
    assert clocks_taken(parse_shape_untrusted(statement_shape(17, [1])), NO_SUPERSEDED) == 0


def test_what_names_logs_or_records_is_bounded_in_number() -> None:
    for kind in (
        RecordKind.DELETE,
        RecordKind.ERASE,
        RecordKind.SEAL,
        RecordKind.VOID,
        RecordKind.RATIFY,
    ):
        items = [Superseded(0, b"%032d" % n, 2**32 - 1) for n in range(SUPERSEDED_MAX + 1)]
        most = encode_superseded(items[:SUPERSEDED_MAX], kind=kind)
        assert len(decode_superseded_untrusted(most, kind=kind, puts=0)) == SUPERSEDED_MAX
        with pytest.raises(LimitError):
            decode_superseded_untrusted(encode_superseded(items, kind=kind), kind=kind, puts=0)


def test_superseded_that_is_no_array_or_not_canonical_is_refused() -> None:
    for data in (b"", b"\x00", b"\xa0", b"\x98\x00", b"\x83\x00\x00\x18\x01", b"\x80\x00"):
        with pytest.raises(WireError):
            decode_superseded_untrusted(data, kind=1, puts=1)


def test_superseded_dots_of_an_unknown_kind_are_not_read() -> None:
    assert decode_superseded_untrusted(cbor.encode(["new"]), kind=UNKNOWN_KIND, puts=0) == ()
    with pytest.raises(WireError):
        decode_superseded_untrusted(b"\x98\x00", kind=UNKNOWN_KIND, puts=0)


def test_superseded_dots_are_bounded_in_number_and_bytes() -> None:
    most = [Superseded(0, None, clock) for clock in range(SUPERSEDED_MAX)]
    assert (
        len(decode_superseded_untrusted(encode_superseded(most), kind=1, puts=1)) == SUPERSEDED_MAX
    )
    too_many = encode_superseded([*most, Superseded(0, None, SUPERSEDED_MAX)])
    with pytest.raises(LimitError):
        decode_superseded_untrusted(too_many, kind=1, puts=1)
    with pytest.raises(LimitError):
        decode_superseded_untrusted(bytes(1 << 20), kind=1, puts=1)


def test_the_largest_legal_superseded_fits_its_limit() -> None:
    most = [Superseded(24, b"%032d" % n, 2**32 - 1) for n in range(SUPERSEDED_MAX)]
    assert (
        len(decode_superseded_untrusted(encode_superseded(most), kind=5, puts=64)) == SUPERSEDED_MAX
    )


# ---- ids -----------------------------------------------------------------------------------------


@given(st.lists(ids32, max_size=30))
def test_ids_have_one_spelling_whatever_their_order(ids: list[bytes]) -> None:
    encoded = encode_ids(ids)
    assert encoded == cbor.encode(sorted(set(ids)))
    assert list(decode_ids_untrusted(encoded)) == sorted(set(ids))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xf6",
        b"\x80\x00",
        cbor.encode([b"short"]),
        cbor.encode([b"b" * 32, b"a" * 32]),
        cbor.encode([b"a" * 32, b"a" * 32]),
        cbor.encode([b"a" * 33]),
        cbor.encode([b"a" * 31]),
        cbor.encode([b"a" * 32, b"b" * 31]),
        encode_ids([b"a" * 32])[:-1],
        encode_ids([b"a" * 32]) + b"\x00",
        b"\x98\x01" + encode_ids([b"a" * 32])[1:],
        b"\x98\x00",
        b"\x98",
    ],
)
def test_other_ids_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidRecordError):
        decode_ids_untrusted(data)


def test_an_id_of_another_size_is_not_encoded() -> None:
    with pytest.raises(ValueError):
        encode_ids([b"a" * 31])


def test_ids_are_bounded_in_number() -> None:
    ids = [b"%032d" % n for n in range(65)]
    assert len(decode_ids_untrusted(encode_ids(ids[:64]))) == 64
    with pytest.raises(LimitError):
        decode_ids_untrusted(encode_ids(ids))
    assert len(decode_ids_untrusted(encode_ids(ids[:8]), count_max=8)) == 8
    with pytest.raises(LimitError):
        decode_ids_untrusted(encode_ids(ids[:9]), count_max=8)


def test_auth_is_unchanged_or_one_to_eight_heads() -> None:
    heads = [b"%032d" % n for n in range(9)]
    assert decode_auth_untrusted(AUTH_UNCHANGED) is None
    assert decode_auth_untrusted(encode_ids(heads[:8])) == tuple(heads[:8])
    for data in (NO_IDS, encode_ids(heads), b"", b"\xf5"):
        with pytest.raises(WireError):
            decode_auth_untrusted(data)
