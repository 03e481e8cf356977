"""What we rely on in pycrdt, pinned.

These tests say nothing about our code.  When one fails after an upgrade, read the section
"What is taken from Yjs" of the specification before changing anything.
"""

import threading

import pytest
from pycrdt import Doc, Map

from engram_crdt._yjs import Block, encode_gap, encode_item, encode_update

LARGEST = (1 << 53) - 1


def doc(*updates: bytes) -> "Doc[Map[bytes]]":
    made: Doc[Map[bytes]] = Doc(client_id=0)
    for update in updates:
        made.apply_update(update)
    return made


def update(client: int, clock: int, *names: str, **removed: list[tuple[int, int]]) -> bytes:
    structs = [encode_item(client, at, name, b"v%d" % at) for at, name in enumerate(names, clock)]
    return encode_update(
        [Block(client, clock, structs)], {int(c[1:]): spans for c, spans in removed.items()}
    )


def entries(made: "Doc[Map[bytes]]", name: str) -> dict[str, bytes]:
    return {key: bytes(value) for key, value in made.get(name, type=Map[bytes]).items()}


def test_client_ids_of_53_bits_survive() -> None:
    """Versions before 0.13 cut them to 32 bits in removals."""
    made = doc(update(LARGEST, 0, "r/a", "r/b"))
    made.apply_update(encode_update([], {LARGEST: [(0, 1)]}))
    assert entries(made, "r/a") == {}
    assert entries(made, "r/b") == {f"{LARGEST:x}.1": b"v1"}
    assert entries(doc(made.get_update()), "r/b") == {f"{LARGEST:x}.1": b"v1"}


def test_a_document_may_have_client_id_0() -> None:
    assert doc().client_id == 0


def test_items_of_one_client_are_encoded_as_they_came() -> None:
    whole = update(5, 0, "r/a", "s/b", "r/a")
    assert doc(whole).get_update() == whole


def test_a_removed_item_keeps_its_key_and_loses_its_value() -> None:
    made = doc(update(5, 0, "r/a", "r/a"), encode_update([], {5: [(0, 1)]}))
    item, deleted = encode_item(5, 1, "r/a", b"v1"), b"\x21" + encode_item(5, 0, "r/a", b"")[1:-3]
    assert (
        made.get_update()
        == b"\x01\x02\x05\x00" + deleted + b"\x01" + item + b"\x01\x05\x01\x00\x01"
    )


def test_items_live_beside_gaps() -> None:
    """A gap stands for dead items: neither the live ones nor later removals mind."""
    gapped = encode_update(
        [Block(5, 0, [encode_gap(3), encode_item(5, 3, "r/a", b"x"), encode_gap(2)])], {}
    )
    made = doc(gapped)
    assert entries(made, "r/a") == {"5.3": b"x"}
    made.apply_update(update(5, 6, "r/a"))
    assert entries(made, "r/a") == {"5.3": b"x", "5.6": b"v6"}
    made.apply_update(encode_update([], {5: [(1, 4)]}))
    assert entries(made, "r/a") == {"5.6": b"v6"}
    assert entries(doc(made.get_update()), "r/a") == {"5.6": b"v6"}


def test_removing_twice_is_removing_once() -> None:
    made = doc(update(5, 0, "r/a"), update(6, 0, "r/a", c5=[(0, 1)]))
    once = made.get_update()
    made.apply_update(encode_update([], {5: [(0, 1)]}))
    assert sorted(made.get_update()) == sorted(once)
    assert entries(made, "r/a") == {"6.0": b"v0"}


def test_an_update_that_came_before_changes_nothing() -> None:
    first = update(5, 0, "r/a")
    made = doc(first, update(5, 1, "r/a"))
    whole = made.get_update()
    made.apply_update(first)
    assert made.get_update() == whole


def test_a_removal_of_what_is_not_there_is_remembered_and_mutes_its_writer() -> None:
    """Why removals that come early are kept outside of the Yjs document."""
    made = doc(encode_update([], {5: [(0, 10)]}))
    made.apply_update(update(5, 0, "r/a"))
    assert entries(made, "r/a") == {}


def test_the_order_of_clients_in_an_update_means_nothing() -> None:
    """Why encoded documents are never compared."""
    one, two = update(5, 0, "r/a"), update(6, 0, "r/a")
    assert entries(doc(one, two), "r/a") == entries(doc(two, one), "r/a")


def test_bytes_come_back_as_bytes() -> None:
    """Numbers do not: 1 comes back as 1.0."""
    made: Doc[Map[object]] = Doc(client_id=0)
    found = made.get("m", type=Map[object])
    found["bytes"], found["number"] = b"\0\xff", 1
    assert bytes(found["bytes"]) == b"\0\xff"  # type: ignore[call-overload]  # it is a buffer
    assert isinstance(found["number"], float)


def test_a_number_too_large_is_a_panic_and_a_panic_is_no_exception() -> None:
    made: Doc[Map[int]] = Doc(client_id=0)
    found = made.get("m", type=Map[int])
    with pytest.raises(BaseException, match="OverflowError") as caught:
        found["key"] = 1 << 70
    assert not isinstance(caught.value, Exception)
    assert type(caught.value).__module__ == "pyo3_runtime"


def test_a_document_may_move_to_another_thread() -> None:
    """The store reads documents in an executor; which thread that is may change."""
    made = doc(update(5, 0, "r/a"))
    found: list[dict[str, bytes]] = []
    thread = threading.Thread(target=lambda: found.append(entries(made, "r/a")))
    thread.start()
    thread.join()
    assert found == [{"5.0": b"v0"}]
