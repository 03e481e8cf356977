"""Claims about what is stored of an engram beside its live elements."""

import pytest

from engram_crdt import Dot, TextSpan
from engram_sync.memory.state.shown_texts import decode_shown, encode_shown, orphan_element
from engram_sync.model.limits import CONTENT_BYTES_MAX

LOG = b"l" * 32
CREATED = 1 << 40


def orphan(text: str | None) -> TextSpan:
    return TextSpan(Dot(LOG, 3), Dot(LOG, 9), 4, CREATED, text, b"h" * 32, 4)


@pytest.mark.parametrize("text", ["lost", None])
def test_readers_find_texts_and_orphans_as_they_were_stored(text: str | None) -> None:
    texts = {Dot(LOG, 3): "text", Dot(LOG, 4): ""}
    shown, orphans = decode_shown(encode_shown(texts, [orphan(text)]))
    assert (shown, orphans) == ({Dot(LOG, 3): "text"}, [orphan_element(orphan(text))])


@pytest.mark.slow
def test_whatever_texts_were_stored_can_be_read_however_many_stand_side_by_side() -> None:
    texts = {Dot(LOG, n): "x" * CONTENT_BYTES_MAX for n in range(260)}
    assert decode_shown(encode_shown(texts, [])) == (texts, [])
