"""The Yjs update that is derived, and the one that a document writes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pycrdt import Doc, Map

from engram_crdt import Change, DocumentError, Dot, EngramDocument, client_id, derive_update
from engram_crdt._entry import decode_entry, encode_uint, entry_heads
from engram_crdt._yjs import (
    Block,
    decode_update,
    encode_gap,
    encode_item,
    encode_update,
    read_varint,
    varint,
)
from tests.crdt.strategies import ENGRAM, HLC, A, B, C, change, document, histories

ITEM = encode_item(5, 0, "r/title", b"entry")


def applied(*updates: bytes) -> dict[str, dict[str, bytes]]:
    """Read updates through pycrdt's own maps."""
    doc: Doc[Map[bytes]] = Doc(client_id=0)
    for update in updates:
        doc.apply_update(update)
    names = sorted(doc.keys())
    return {
        name: {key: bytes(value) for key, value in doc.get(name, type=Map[bytes]).items()}
        for name in names
    }


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from(["r/a", "s/b"]), st.none() | st.binary(min_size=1))))
@example([("r/" + "x" * 62, b"v" * 100_000)])
def test_one_record_derives_to_the_documents_own_bytes(
    puts: list[tuple[str, bytes | None]],
) -> None:
    one = change(A, 300, *puts)
    assert derive_update(ENGRAM, one, client_id(ENGRAM, A), 0) == document(one).yjs_update()


def test_derived_updates_add_up_to_the_document() -> None:
    clients = {log: client_id(ENGRAM, log) for log in (A, B, C)}
    start = change(A, 1, ("r/title", b"\x01"), ("s/tags", b"\x02"), ("s/tags", b"\x03"))
    edit = change(B, 1, ("r/title", b"\x04"), removed=[Dot(A, 2), Dot(A, 0)])
    delete = change(C, 1, ("r/life", b"\x05"), until=[(A, 3), (B, 0)], removed=[Dot(C, 0)])
    updates = [derive_update(ENGRAM, each, clients[each.log], 0) for each in (start, edit, delete)]
    assert applied(*updates) == applied(document(start, edit, delete).yjs_update())


def test_clients_of_removed_dots_may_be_given() -> None:
    one = change(B, 1, removed=[Dot(A, 3)])
    update = derive_update(ENGRAM, one, 9, 0, client_of=lambda log: {A: 8}[log])
    assert update == b"\0\x01\x08\x01\x03\x01"


def test_a_malformed_change_derives_to_nothing() -> None:
    with pytest.raises(DocumentError):
        derive_update(ENGRAM, change(A, 1, ("r/title", b"")), 1, 0)


@pytest.mark.slow
@given(histories())
def test_the_elements_are_those_of_the_yjs_maps(changes: list[Change]) -> None:
    """The fast reading of the encoding and pycrdt's own maps agree."""
    made = document(*changes)
    clients = {f"{client_id(ENGRAM, log):x}": log for log in (A, B, C)}
    found = {
        (name, Dot(clients[key.split(".")[0]], int(key.split(".")[1], 16)), *decode_entry(entry))
        for name, entries in applied(made.yjs_update()).items()
        for key, entry in entries.items()
    }
    assert found == {
        (e.collection, e.dot, e.hlc, e.payload_hash, e.seq, e.value) for e in made.elements()
    }


def test_entries_are_canonical_cbor_around_the_value() -> None:
    held, owed = entry_heads(HLC, bytes(32), 300)
    shared = b"\x1b" + HLC.to_bytes(8) + b"\x58\x20" + bytes(32) + b"\x19\x01\x2c"
    assert (held, owed) == (b"\x84" + shared, b"\x83" + shared)


@given(st.integers(0, (1 << 64) - 1))
@example(23)
@example(24)
@example(255)
@example(256)
@example(65_535)
@example(65_536)
@example((1 << 32) - 1)
@example(1 << 32)
def test_numbers_come_back(number: int) -> None:
    held, owed = entry_heads(HLC, b"h" * 32, number)
    assert decode_entry(held + b"\xf6") == (HLC, b"h" * 32, number, b"\xf6")
    assert decode_entry(owed) == (HLC, b"h" * 32, number, None)
    assert held.endswith(encode_uint(number))
    assert read_varint(b"x" + varint(number), 1) == (number, 1 + len(varint(number)))


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        entry_heads(HLC, bytes(32), 300)[0],  # says that a value follows
        entry_heads(HLC, bytes(32), 300)[1] + b"\xf6",  # says that none does
        entry_heads(HLC, bytes(32), 300)[1][:-1],
        entry_heads(HLC, bytes(32), 1)[1][:-1],
        entry_heads(HLC, bytes(32), 1)[1][:-1] + b"\x1c",
        b"\x83\x1a" + entry_heads(HLC, bytes(32), 1)[1][2:],
        b"\x85" + entry_heads(HLC, bytes(32), 1)[0][1:] + b"\xf6",
    ],
)
def test_bytes_that_are_no_entry_are_refused(entry: bytes) -> None:
    with pytest.raises(DocumentError):
        decode_entry(entry)


def test_gaps_and_removed_items_are_read_over() -> None:
    update = encode_update(
        [Block(5, 0, [encode_gap(200), encode_item(5, 200, "r/a", b"x")]), Block(6, 0, [])],
        {5: [(3, 1), (0, 3), (1, 1), (7, 1)]},
    )
    assert decode_update(update) == [(5, 200, "r/a", b"x")]
    assert update.endswith(b"\x01\x05\x02\x00\x04\x07\x01")


def test_equal_removals_have_equal_bytes() -> None:
    removed = {5: [(0, 1)], 6: [(1, 1), (0, 1)]}
    again = {6: [(0, 1), (1, 1)], 5: [(0, 1)]}
    assert (
        encode_update([], removed)
        == encode_update([], again)
        == (b"\0\x02\x06\x01\x00\x02\x05\x01\x00\x01")
    )


@pytest.mark.parametrize(
    "update",
    [
        b"",
        b"\x01\x01\x05\x00",
        b"\x01\x01\x05\x00" + ITEM[:-1],
        b"\x01\x01\x05\x01" + ITEM,  # the key of another clock
        b"\x01\x01\x05\x00" + b"\x04" + ITEM[1:],  # a text
        b"\x01\x01\x05\x00" + b"\x68" + ITEM[1:],  # with an origin
        b"\x01\x01\x05\x00" + ITEM.replace(b"\x01\x74", b"\x01\x77"),  # a string
        b"\x01\x01\x05\x00" + ITEM.replace(b"r/", b"\xff/"),
        b"\xff" * 11,
    ],
)
def test_an_update_that_no_document_writes_is_refused(update: bytes) -> None:
    with pytest.raises(DocumentError):
        decode_update(update)


def test_names_of_collections_are_checked_before_they_reach_yjs() -> None:
    for name in ("", "r/", "R/title", "r/Title", "r/title ", "r/" + "x" * 63, "r/ü", "rr/title"):
        with pytest.raises(DocumentError, match="no collection name"):
            EngramDocument(ENGRAM).apply(change(A, 1, (name, b"\x01")))
