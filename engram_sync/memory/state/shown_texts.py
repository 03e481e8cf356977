"""What readers see of collaborative texts, kept beside them so that reading opens no document."""

from collections.abc import Mapping, Sequence
from typing import cast

from engram_crdt import Dot, Element, TextSpan
from engram_wire import INSERTED_TEXT
from engram_wire.cbor import decode_untrusted, dump_canonical, encode


def orphan_element(span: TextSpan) -> Element:
    """Live text of a generation that is gone, as an element of ``x/body``."""
    value = None if span.text is None else encode(span.text)
    return Element(INSERTED_TEXT, span.dot, span.hlc, value, span.payload_hash, span.seq)


def encode_shown(texts: Mapping[Dot, str], orphans: Sequence[TextSpan]) -> bytes:
    """The texts of live generations, and live text of those that are gone."""
    held = [[dot.log, dot.clock, text] for dot, text in sorted(texts.items()) if text]
    left = [[*e.dot, *e[2:]] for e in map(orphan_element, orphans)]
    return dump_canonical([held, left])


def decode_shown(data: bytes) -> tuple[dict[Dot, str], list[Element]]:
    """What ``encode_shown`` was given; a generation without text is left out.

    Raises:
        WireError, ValueError, TypeError: The bytes are damaged.
    """
    held, left = cast(list[list[object]], decode_untrusted(data, bytes_max=len(data)))
    texts = {Dot(log, clock): text for log, clock, text in cast(list[tuple[bytes, int, str]], held)}
    orphans = [
        Element(INSERTED_TEXT, Dot(log, clock), hlc, value, payload_hash, seq)
        for log, clock, hlc, value, payload_hash, seq in cast(
            list[tuple[bytes, int, int, bytes | None, bytes, int]], left
        )
    ]
    return texts, orphans
