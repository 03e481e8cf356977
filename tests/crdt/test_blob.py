"""What a document is on disk."""

from hashlib import blake2b

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engram_crdt import Change, DocumentError, Dot, EngramDocument
from engram_crdt._blob import decode_blob
from engram_crdt._yjs import varint
from tests.crdt.strategies import ENGRAM, A, B, change, document, histories

HASH = bytes(32)


def sealed(body: bytes, engram: bytes = ENGRAM) -> bytes:
    """Give any body the version and checksum of a true one."""
    checksum = blake2b(engram + body, digest_size=16, person=b"engram blob").digest()
    return b"\x01" + checksum + body


def body(
    *,
    clock: int = 1,
    seq: int = 1,
    record: bytes | None = None,
    records: int = 1,
    rest: bytes = b"",
) -> bytes:
    """One log, one name, some equal records, nothing awaited."""
    held = b"\0\x01" + bytes(8) + HASH + b"\x01" + b"\0\0\x02\xf6" if record is None else record
    log = A + varint(clock) + varint(seq)
    return b"\x01" + log + b"\x01\x07r/title" + bytes((records,)) + held * records + b"\0" + rest


def test_the_tests_bodies_are_right_apart_from_what_they_show() -> None:
    (element,) = EngramDocument.load(ENGRAM, sealed(body())).elements()
    assert (element.collection, element.dot, element.value) == ("r/title", Dot(A, 0), b"\xf6")


@pytest.mark.slow
@given(histories())
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
@given(histories(), st.data())
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
@example(b"\0\0\0\0")
def test_any_bytes_are_a_document_or_an_error(junk: bytes) -> None:
    """Even with a right checksum: neither a panic nor another exception comes out."""
    try:
        loaded = EngramDocument.load(ENGRAM, sealed(junk))
    except DocumentError:
        return
    loaded.apply(change(B, 1, ("r/title", b"\x01")))
    assert EngramDocument.load(ENGRAM, loaded.dump()).elements() == loaded.elements()


@pytest.mark.slow
@given(histories(), st.data())
def test_any_mutation_of_a_body_is_a_document_or_an_error(
    changes: list[Change], data: st.DataObject
) -> None:
    whole = bytearray(document(*changes).dump()[17:])
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_blob(ENGRAM, sealed(bytes(whole)))
        EngramDocument.load(ENGRAM, sealed(bytes(whole))).dump()
    except DocumentError:
        pass


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
