"""What we rely on in pycrdt, pinned.

These tests say nothing about our code.  When one fails after an upgrade, read the section
"What is taken from Yjs" of the specification before changing anything.
"""

import threading

import pytest
from pycrdt import Doc, Map, Text

from engram_crdt._yjs import Block, encode_gap, encode_item, encode_update, varint

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


# -- texts --------------------------------------------------------------------------------------

ROOT = b"\x01\x03x/g"


def item(content: bytes, left: "tuple[int, int] | None", right: "tuple[int, int] | None") -> bytes:
    """One item of the root text ``x/g``; its content begins with its kind."""
    info = content[0] | (0x80 if left else 0) | (0x40 if right else 0)
    origins = b"".join(varint(number) for at in (left, right) if at for number in at)
    return bytes((info,)) + (origins or ROOT) + content[1:]


def string(
    text: str, left: "tuple[int, int] | None" = None, right: "tuple[int, int] | None" = None
) -> bytes:
    data = text.encode()
    return item(b"\x04" + varint(len(data)) + data, left, right)


def deleted(
    length: int, left: "tuple[int, int] | None" = None, right: "tuple[int, int] | None" = None
) -> bytes:
    return item(b"\x01" + varint(length), left, right)


def structs(client: int, clock: int, *items: bytes) -> bytes:
    return encode_update([Block(client, clock, list(items))], {})


def read(*updates: bytes) -> str:
    made: Doc[Text] = Doc(client_id=0)
    for each in updates:
        made.apply_update(each)
    return str(made.get("x/g", type=Text))


def test_an_item_stands_between_its_origins() -> None:
    base = structs(5, 0, string("ab"))
    assert read(base, structs(6, 0, string("X", (5, 0), (5, 1)))) == "aXb"
    assert read(base, structs(6, 0, string("X", None, (5, 0)))) == "Xab"
    assert read(base, structs(6, 0, string("X", (5, 1), None))) == "abX"


def test_an_item_without_origins_names_its_root_and_is_first_of_an_empty_text() -> None:
    assert structs(5, 0, string("ab")) == b"\x01\x01\x05\x00\x04\x01\x03x/g\x02ab\x00"
    assert read(structs(5, 0, string("ab"))) == "ab"


def test_clocks_of_a_text_count_utf_16_units() -> None:
    base = structs(5, 0, string("é中😀"), string("b", (5, 3)))
    assert read(base) == "é中😀b"
    assert read(base, encode_update([], {5: [(2, 2)]})) == "é中b"
    assert read(base, structs(6, 0, string("X", (5, 1), (5, 2)))) == "é中X😀b"


def test_an_item_is_split_by_an_origin_inside_it_and_keeps_both_halves() -> None:
    made: Doc[Text] = Doc(client_id=0)
    for each in (structs(5, 0, string("abcd")), structs(6, 0, string("X", (5, 1), (5, 2)))):
        made.apply_update(each)
    assert read(made.get_update()) == "abXcd"


def test_deleted_content_keeps_a_place_for_living_text_inside() -> None:
    base = structs(5, 0, deleted(4))
    assert read(base) == ""
    assert read(base, structs(6, 0, string("X", (5, 1), (5, 2)))) == "X"
    after = structs(5, 4, string("Z", (5, 3)))
    assert read(base, after, structs(6, 0, string("X", (5, 1), (5, 2)))) == "XZ"


def test_deleted_content_survives_being_encoded_again() -> None:
    made: Doc[Text] = Doc(client_id=0)
    made.apply_update(structs(5, 0, deleted(4), string("Z", (5, 3))))
    again = made.get_update()
    assert read(again, structs(6, 0, string("X", (5, 1), (5, 2)))) == "XZ"


def test_text_lives_beside_gaps_and_keys_of_one_client() -> None:
    keyed = encode_item(5, 0, "r/a", b"x")
    made: Doc[Text] = Doc(client_id=0)
    made.apply_update(structs(5, 0, keyed, string("ab"), encode_gap(4), string("c", (5, 2))))
    assert str(made.get("x/g", type=Text)) == "abc"
    assert read(made.get_update()) == "abc"


def test_clients_of_one_update_may_lean_on_each_other_in_turns() -> None:
    """A's second item stands on B's first, which stands on A's first."""
    both = encode_update(
        [
            Block(5, 0, [string("a"), string("c", (6, 0))]),
            Block(6, 0, [string("b", (5, 0)), string("d", (5, 1))]),
        ],
        {},
    )
    assert read(both) == "abcd"


def test_an_item_cannot_lean_on_a_later_one_of_its_own_client() -> None:
    """Why an export tells a history in the order of dots instead of naming final neighbours."""
    assert read(structs(5, 0, string("b", (5, 1)), string("a"))) != "ab"


def test_neighbours_of_the_time_lead_to_one_order_whichever_client_comes_first() -> None:
    first = structs(5, 0, string("ad"))
    second = structs(6, 0, string("b", (5, 0), (5, 1)))
    third = structs(4, 0, string("c", (6, 0), (5, 1)))
    assert read(first, second, third) == "abcd"
    whole: Doc[Text] = Doc(client_id=0)
    for each in (first, second, third):
        whole.apply_update(each)
    assert read(whole.get_update()) == "abcd"


def test_yjs_orders_concurrent_items_by_client_id() -> None:
    """Why Yjs is not asked: our client ids are local, and change when two logs collide."""
    base = structs(5, 0, string("-"))
    texts = {
        read(base, structs(ours, 0, string("A", (5, 0))), structs(theirs, 0, string("B", (5, 0))))
        for ours, theirs in ((6, 7), (7, 6))
    }
    assert texts == {"-AB", "-BA"}


def test_yjs_reads_differently_when_origins_are_no_neighbours() -> None:
    """Why Yjs is not asked: records may claim any origins, and then arrival decides.

    An editor's origins stood side by side in what it had seen.  Nothing in a record proves it.
    """
    base = structs(5, 0, string("abc"))
    one = structs(6, 0, string("B", None, (5, 1)))
    two = structs(7, 0, string("C", (5, 0), (5, 2)))
    assert {read(base, one, two), read(base, two, one)} == {"aBbCc", "aCBbc"}
