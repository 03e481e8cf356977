"""Claims about the stored view of an engram."""

from engram_crdt import Dot, Element
from engram_sync.memory._limits import CONTENT_BYTES_MAX
from engram_sync.memory._state import View, created_of, decode_view, encode_view, erased_of
from engram_wire.cbor import Encodable, encode

LOG = b"l" * 32
CREATED = 1 << 40


def test_whatever_was_stored_can_be_read_however_many_values_somebody_put_beside_it() -> None:
    value = encode("x" * CONTENT_BYTES_MAX)
    elements = [
        Element("r/content", Dot(LOG, n), CREATED, value, b"h" * 32, n + 1) for n in range(260)
    ]
    view = View(CREATED, {LOG: 260}, elements)
    assert decode_view(encode_view(view)) == view._replace(texts={}, orphans=[])


def test_a_view_keeps_texts_orphans_and_whether_anything_was_erased() -> None:
    body = Dot(LOG, 3)
    orphan = Element("x/body", Dot(LOG, 9), CREATED, encode("lost"), b"h" * 32, 4)
    element = Element("r/body", body, CREATED, encode(""), b"g" * 32, 2)
    view = View(CREATED, {LOG: 13}, [element], True, {body: "text"}, [orphan])
    assert decode_view(encode_view(view)) == view
    assert (created_of(encode_view(view)), erased_of(encode_view(view))) == (CREATED, True)


def test_a_view_of_the_first_release_can_be_read() -> None:
    element = Element("r/content", Dot(LOG, 0), CREATED, encode("x"), b"h" * 32, 1)
    row: list[Encodable] = ["r/content", 0, 0, CREATED, encode("x"), b"h" * 32, 1]
    stored = CREATED.to_bytes(8, "big") + encode([[[LOG, 1]], [row]])
    assert decode_view(stored) == View(CREATED, {LOG: 1}, [element])
