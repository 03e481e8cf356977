"""Claims about the stored view of an engram."""

from engram_crdt import Dot, Element
from engram_sync.memory._limits import CONTENT_BYTES_MAX
from engram_sync.memory._state import decode_view, encode_view
from engram_wire.cbor import encode

LOG = b"l" * 32
CREATED = 1 << 40


def test_whatever_was_stored_can_be_read_however_many_values_somebody_put_beside_it() -> None:
    value = encode("x" * CONTENT_BYTES_MAX)
    elements = [
        Element("r/content", Dot(LOG, n), CREATED, value, b"h" * 32, n + 1) for n in range(260)
    ]
    view = encode_view(CREATED, {LOG: 260}, elements)
    assert decode_view(view) == (CREATED, {LOG: 260}, elements)
