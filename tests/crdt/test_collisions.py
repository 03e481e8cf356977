"""Two logs that ask for one client id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Doc, Map

from engram_crdt import Change, Dot, EngramDocument, client_id
from tests.crdt.strategies import ENGRAM, A, B, C, change, live_by_sets, reordered_histories

CLIENT_MAX = (1 << 53) - 1


def crowded(_engram: bytes, _log: bytes) -> int:
    return CLIENT_MAX


def keys(document: EngramDocument) -> set[str]:
    doc: Doc[Map[bytes]] = Doc(client_id=0)
    doc.apply_update(document.yjs_update())
    return {key for name in doc.keys() for key in doc.get(name, type=Map[bytes]).keys()}  # noqa: SIM118 (neither is a dict)


def test_a_client_id_is_a_number_of_53_bits_and_never_0() -> None:
    ids = {client_id(ENGRAM, bytes((n,)) * 32) for n in range(256)}
    assert len(ids) == 256
    assert all(0 < client <= CLIENT_MAX for client in ids)
    assert max(ids).bit_length() == 53


def test_a_log_has_another_client_id_in_another_engram() -> None:
    assert client_id(ENGRAM, A) != client_id(ENGRAM[::-1], A)


def test_colliding_logs_take_successive_free_ids_in_the_order_of_their_ids() -> None:
    document = EngramDocument(ENGRAM, client_of=crowded)
    for log in (C, B, A):
        document.apply(change(log, 1, ("r/title", log[:1])))
    # After the largest id comes 1: 0 is nobody's.
    assert keys(document) == {f"{CLIENT_MAX:x}.0", "1.0", "2.0"}
    assert [e.value for e in document.elements()] == [A[:1], B[:1], C[:1]]
    # One more record of each shows who has which.
    for log in (A, B, C):
        document.apply(change(log, 2, ("s/tags", log[:1]), removed=[Dot(log, 0)]))
    assert {e.dot for e in document.elements()} == {Dot(log, 1) for log in (A, B, C)}


def test_a_log_that_loses_its_id_keeps_its_elements_and_its_gaps() -> None:
    document = EngramDocument(ENGRAM, client_of=crowded)
    document.apply(change(B, 1, ("r/title", b"\x01"), ("r/title", b"\x02"), ("r/title", b"\x03")))
    document.apply(change(B, 2, ("r/title", b"\x04"), removed=[Dot(B, 0), Dot(B, 2)]))
    before = document.elements()
    assert keys(document) == {f"{CLIENT_MAX:x}.1", f"{CLIENT_MAX:x}.3"}
    document.apply(change(A, 1, ("s/tags", b"\x05")))
    assert document.elements()[:2] == before
    assert keys(document) == {"1.1", "1.3", f"{CLIENT_MAX:x}.0"}
    document.apply(change(B, 3, ("r/title", b"\x06"), until=[(B, 4)]))
    assert [e.value for e in document.elements()] == [b"\x06", b"\x05"]


@pytest.mark.slow
@given(reordered_histories(), st.sampled_from([1, 2]))
def test_collisions_change_nothing_that_is_seen(
    drawn: tuple[list[Change], list[Change]], ids: int
) -> None:
    def few(engram: bytes, log: bytes) -> int:
        return client_id(engram, log) % ids + 1

    changes, reordered = drawn
    document = EngramDocument(ENGRAM, client_of=few)
    for each in reordered:
        document.apply(each)
    assert document.elements() == live_by_sets(changes)
    loaded = EngramDocument.load(ENGRAM, document.dump(), client_of=few)
    assert loaded.elements() == document.elements()
    assert keys(loaded) == keys(document)
    # What is stored does not know about client ids at all.
    assert EngramDocument.load(ENGRAM, document.dump()).elements() == document.elements()
