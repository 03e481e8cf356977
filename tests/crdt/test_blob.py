"""What a document is on disk."""

import struct
from hashlib import blake2b

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engram_crdt import Change, DocumentError, Dot, EngramDocument
from engram_crdt._blob import decode_blob
from engram_crdt._yjs import varint
from tests.crdt.strategies import ENGRAM, A, B, C, change, claims, document, histories

HASH = bytes(32)


def sealed(body: bytes, *, version: bytes = b"\x02") -> bytes:
    """Give any body the version and checksum of a true one."""
    checksum = blake2b(ENGRAM + body, digest_size=16, person=b"engram blob").digest()
    return version + checksum + body


def body(
    *,
    clock: int = 1,
    seq: int = 1,
    record: bytes | None = None,
    records: int = 1,
    rest: bytes = b"",
) -> bytes:
    """One log, one name, some equal records, nothing awaited, no text."""
    held = b"\0\x01" + bytes(8) + HASH + b"\x01" + b"\0\0\x02\xf6" if record is None else record
    log = A + varint(clock) + varint(seq)
    return b"\x01" + log + b"\x01\x07r/title" + bytes((records,)) + held * records + b"\0\0" + rest


def test_the_tests_bodies_are_right_apart_from_what_they_show() -> None:
    (element,) = EngramDocument.load(ENGRAM, sealed(body())).elements()
    assert (element.collection, element.dot, element.value) == ("r/title", Dot(A, 0), b"\xf6")


@pytest.mark.slow
@given(histories() | claims())
def test_a_loaded_document_is_the_same_and_goes_on_the_same(changes: list[Change]) -> None:
    made = document(*changes)
    loaded = EngramDocument.load(ENGRAM, made.dump())
    assert loaded.elements() == made.elements()
    assert loaded.dump() == made.dump()
    assert loaded.applied() == made.applied()
    for each in (made, loaded):
        each.apply(change(A, 1 << 20, ("r/title", b"\x01"), until=[(B, 3)]))
    assert loaded.elements() == made.elements()
    assert loaded.dump() == made.dump()


def test_overwritten_values_take_no_space() -> None:
    made = document(change(A, 1, ("r/title", b"\x01" * 100)))
    once = len(made.dump())
    for seq in range(2, 200):
        made.apply(change(A, seq, ("r/title", b"\x01" * 100), removed=[Dot(A, seq - 2)]))
    # The numbers grow by a byte or two, the history not at all.
    assert len(made.dump()) <= once + 4
    assert len(made.yjs_update()) > 50 * once // 10


def test_a_blob_of_another_engram_is_refused() -> None:
    with pytest.raises(DocumentError, match="checksum"):
        EngramDocument.load(ENGRAM[::-1], document(change(A, 1, ("r/title", b"\x01"))).dump())


@pytest.mark.parametrize("blob", [b"", b"\x03" + bytes(40)])
def test_a_blob_of_an_unknown_version_is_refused(blob: bytes) -> None:
    with pytest.raises(DocumentError, match="version"):
        EngramDocument.load(ENGRAM, blob)


@pytest.mark.slow
@given(histories() | claims(), st.data())
def test_a_damaged_blob_is_refused(changes: list[Change], data: st.DataObject) -> None:
    blob = bytearray(document(*changes).dump())
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DocumentError):
        EngramDocument.load(ENGRAM, bytes(blob))


@pytest.mark.parametrize(
    ("broken", "match"),
    [
        (body(rest=b"\0"), "1 bytes after"),
        (body(records=2), "share a dot"),
        (body(clock=0), "beyond its log's end"),
        (body(seq=0), "beyond its log's end"),
        (body(clock=1 << 31), "above"),
        (body()[:-1], "malformed"),
        (b"\x05", "5 of something in 0 bytes"),
        (body()[:-2] + b"\x01" + B + b"\x01\0\xff\xff\xff\xff\x08\0", "above"),
        (body()[:40], "bytes early"),
        (body(record=b"\x05"), "malformed"),
        (body(record=b"\0\x01" + bytes(8) + HASH + b"\x01" + b"\0\x07\x02\xf6"), "malformed"),
        (body().replace(b"r/title", b"R/title"), "no collection name"),
        (body().replace(b"r/title", b"r/titl\xff"), "malformed"),
        (b"\xff" * 12, "more than 10 bytes"),
    ],
)
def test_a_body_that_no_document_wrote_is_refused(broken: bytes, match: str) -> None:
    with pytest.raises(DocumentError, match=match):
        EngramDocument.load(ENGRAM, sealed(broken))


@given(st.binary(max_size=200))
@example(body())
@example(b"\0\0\0\0\0")
def test_any_bytes_are_a_document_or_an_error(junk: bytes) -> None:
    """Even with a right checksum: neither a panic nor another exception comes out."""
    try:
        loaded = EngramDocument.load(ENGRAM, sealed(junk))
    except DocumentError:
        return
    loaded.apply(change(B, 1, ("r/title", b"\x01")))
    assert EngramDocument.load(ENGRAM, loaded.dump()).elements() == loaded.elements()


@pytest.mark.slow
@given(histories() | claims(), st.data())
def test_any_mutation_of_a_body_is_a_document_or_an_error(
    changes: list[Change], data: st.DataObject
) -> None:
    whole = bytearray(document(*changes).dump()[17:])
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_blob(ENGRAM, sealed(bytes(whole)))
        loaded = EngramDocument.load(ENGRAM, sealed(bytes(whole)))
        loaded.dump()
        for generation in loaded.texts():
            loaded.edit_of(generation, [("insert", 0, "x")])
        loaded.yjs_update()
    except DocumentError:
        pass


FIRST_VERSION_CHANGES = [
    change(A, 1, ("r/title", b"\x61a"), ("s/tags", None)),
    change(
        C,
        300,
        ("r/title", b"\x61b"),
        removed=[Dot(A, 0), Dot(B, 5), Dot(B, 7), Dot(A, 9)],
        until=[(B, 3)],
    ),
]
FIRST_VERSION = bytes.fromhex(
    "017a56203f405132d44b1e80e2969893ec0201010101010101010101010101010101010101010101"
    "01010101010101010101020103030303030303030303030303030303030303030303030303030303"
    "0303030301ac020207722f7469746c6506732f74616773020001018bcfe56800000136f299a63a9d"
    "e1c8a4eda081c321c5570c754df7fd3e4104c3b67722d96e83cc0101010001ac02018bcfe5680001"
    "2ca0de7f62ebe7899619cb8d29c2f670cc165fcaff2347338e8819751285924bf101000003616202"
    "01010101010101010101010101010101010101010101010101010101010101010201090202020202"
    "02020202020202020202020202020202020202020202020202020203020507"
)


def test_a_blob_of_the_first_version_still_loads() -> None:
    """Made by the program that wrote version 1: two live entries, and removals that it awaits."""
    made = document(*FIRST_VERSION_CHANGES)
    loaded = EngramDocument.load(ENGRAM, FIRST_VERSION)
    assert loaded.dump() == made.dump()
    for each in (made, loaded):
        each.apply(change(B, 1, *(("s/tags", bytes((0x60 + n,))) for n in range(9))))
    assert loaded.elements() == made.elements()
    assert loaded.dump()[:1] == b"\x02"


def texts(*numbers: int, chars: bytes = b"ab", logs: int = 3, texts: int = 1) -> bytes:
    """A document with logs A and B of four clocks each, and texts made of these numbers."""
    record = struct.pack(">IQQ32s", 0, 1, 1 << 40, HASH)
    return (
        b"\x02"
        + A
        + b"\x04\x09"
        + B
        + b"\x04\x09"
        + b"\0\0\0"
        + bytes((texts, logs))
        + A
        + B
        + C
        + b"\x01"
        + record
        + varint(len(numbers))
        + struct.pack(f">{len(numbers)}I", *numbers)
        + varint(len(chars))
        + chars
    )


# Generation C:0 has not arrived; one piece at A:1 of two held units on the root.
GOOD = (2, 0, 1, 48, 0, 1, 2, 0)


def test_the_tests_texts_are_right_apart_from_what_they_show() -> None:
    (span,) = EngramDocument.load(ENGRAM, sealed(texts(*GOOD))).spans()
    assert (span.generation, span.dot, span.text) == (Dot(C, 0), Dot(A, 1), "ab")


@pytest.mark.parametrize(
    ("broken", "match"),
    [
        (texts(), "end early"),
        (texts(*GOOD[:-1]), "end early"),
        (texts(*GOOD, 0), "numbers follow"),
        (texts(2, 0, 0), "is not one"),
        (texts(*GOOD, *GOOD, chars=b"abab", texts=2), "is not one"),
        (texts(2, 0, 2, 48, 0, 0, 1, 0, 51, 0, 0, 1, 0), "is not one"),
        (texts(2, 0, 1, 51, 0, 1, 2, 0), "does not fit its generation"),
        (texts(0, 0, 1, 48, 0, 1, 2, 0), "does not fit its generation"),
        (texts(2, 0, 1, 48, 0, 3, 2, 0), "beyond its log's end"),
        (texts(2, 0, 1, 48, 0, 1, 0, 0, chars=b""), "holds none"),
        (texts(2, 0, 1, 48, 1, 0, 2, 0), "another log's record"),
        (texts(2, 0, 1, 48, 2, 0, 2, 0), "another log's record"),
        (texts(2, 0, 2, 48, 0, 1, 1, 0, 0, 0, 2, 1, chars=b"a"), "beyond its log's end"),
        (texts(2, 0, 1, 32, 0, 1, 2), "deleted and held"),
        (texts(*GOOD, chars=b"abc"), "has 2 units"),
        (texts(*GOOD, chars=b"a"), "has 2 units"),
        (texts(*GOOD, chars=b"a\xff"), "malformed"),
        (texts(5, 0, 1, 48, 0, 1, 2, 0), "malformed"),
        (texts(2, 0, 1, 48, 0, 1, 2, 3), "malformed"),
        (texts(2, 0, 3, 48, 0, 1, 2, 0, 0, 1, 0, 1, 0, 0, 2, 1), "occurs twice"),
        (texts(2, 0, 1, 48, 0, 1, 2, 0, logs=4), "end early"),
    ],
)
def test_texts_that_no_document_wrote_are_refused(broken: bytes, match: str) -> None:
    with pytest.raises(DocumentError, match=match):
        EngramDocument.load(ENGRAM, sealed(broken))


def test_an_element_inside_a_text_is_refused() -> None:
    held = b"\0\x01" + bytes(8) + HASH + b"\x01" + b"\x01\0\x02\xf6"
    whole = texts(*GOOD)
    shared = whole[:69] + b"\x01\x07r/title\x01" + held + whole[71:]
    with pytest.raises(DocumentError, match="an element and a text"):
        EngramDocument.load(ENGRAM, sealed(shared))


def test_a_text_that_hangs_on_itself_is_refused_when_somebody_asks_for_its_root() -> None:
    """A:0 hangs on A:1 and A:1 on A:0; an insert of B waits between A:2 and A:0."""
    pieces = [5, 0, 0, 1, 0, 1, 5, 0, 0, 1, 0, 0, 0, 0, 0, 1, 14, 1, 0, 1, 0, 2, 0, 0]
    made = EngramDocument.load(ENGRAM, sealed(texts(2, 0, 4, *pieces, chars=b"")))
    with pytest.raises(DocumentError, match="hangs on itself"):
        made.apply(change(B, 10, ("s/tags", b"\x60")))


def test_a_text_that_hangs_on_what_is_not_there_is_refused_when_somebody_asks() -> None:
    """A:1 hangs on C:5; an insert of B waits between A:2 and A:1."""
    pieces = [5, 0, 1, 1, 2, 5, 0, 0, 0, 1, 14, 1, 0, 1, 0, 2, 0, 1]
    made = EngramDocument.load(ENGRAM, sealed(texts(2, 0, 3, *pieces, chars=b"")))
    with pytest.raises(DocumentError, match="not there"):
        made.apply(change(B, 10, ("s/tags", b"\x60")))


def test_equal_states_have_equal_bytes_whatever_is_awaited() -> None:
    """A span and its single dots are one removal in two spellings."""
    by_span = document(change(B, 1, until=[(A, 3)]))
    by_dots = document(change(B, 1, removed=[Dot(A, 2), Dot(A, 0), Dot(A, 1)]))
    assert by_span.dump() == by_dots.dump()


def test_a_log_cannot_pass_the_end_of_its_clock() -> None:
    last = (1 << 31) - 1
    full = body(clock=last)
    made = EngramDocument.load(ENGRAM, sealed(full))
    before = made.dump()
    with pytest.raises(DocumentError, match="would pass clock"):
        made.apply(change(A, 2, ("r/title", b"\x01")))
    assert made.dump() == before
    assert made.apply(change(A, 2, removed=[Dot(A, 0)]))
    assert made.elements() == []
