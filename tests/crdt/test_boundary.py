"""Nothing that pycrdt does wrong gets past the boundary."""

import pytest
from pycrdt import Doc, Map

from engram_crdt import DocumentError
from engram_crdt._boundary import cross


def test_a_panic_is_an_error() -> None:
    doc: Doc[Map[int]] = Doc(client_id=0)
    entries = doc.get("m", type=Map[int])
    with pytest.raises(DocumentError, match="panicked"):
        cross(entries.__setitem__, "key", 1 << 70)


def test_a_refusal_is_an_error() -> None:
    with pytest.raises(DocumentError, match="refused"):
        cross(Doc(client_id=0).apply_update, b"\xff")


def test_an_interrupt_passes() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross(interrupt)


def test_a_result_comes_back() -> None:
    assert cross(max, 1, 2) == 2
