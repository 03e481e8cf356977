"""The whole document as structs of Yjs."""

from collections.abc import Iterable, Mapping, Sequence

from ._dots import Dot, Element
from ._entry import entry_heads
from ._pieces import Piece
from ._yjs import Block, encode_gap, encode_item, encode_update
from ._yjs_text import text_items

Struct = tuple[int, int, bytes]
"""(clock, number of clocks, bytes)."""


def element_structs(client: int, end: int, elements: Iterable[Element]) -> list[bytes]:
    """Encode a log's live elements, with gaps where there is none, up to clock ``end``."""
    structs: list[bytes] = []
    clock = 0
    record, held, owed = -1, b"", b""
    for collection, dot, hlc, value, payload_hash, seq in sorted(elements, key=_by_clock):
        if seq != record:
            record = seq
            held, owed = entry_heads(hlc, payload_hash, seq)
        if dot.clock > clock:
            structs.append(encode_gap(dot.clock - clock))
        entry = owed if value is None else held + value
        structs.append(encode_item(client, dot.clock, collection, entry))
        clock = dot.clock + 1
    if end > clock:
        structs.append(encode_gap(end - clock))
    return structs


def export_update(
    elements: Iterable[Element],
    texts: Mapping[Dot, Sequence[Piece]],
    ends: Mapping[bytes, int],
    clients: Mapping[bytes, int],
) -> bytes:
    """Encode a document with its texts.

    Args:
        elements: Live elements.
        texts: Pieces of each live generation, in the order of its text.
        ends: Next clock of each log.
        clients: Client id of each log.
    """
    structs: dict[bytes, list[Struct]] = {log: [] for log in ends}
    for collection, (log, clock), hlc, value, payload_hash, seq in elements:
        held, owed = entry_heads(hlc, payload_hash, seq)
        entry = owed if value is None else held + value
        structs[log].append((clock, 1, encode_item(clients[log], clock, collection, entry)))
    for generation, pieces in texts.items():
        for log, clock, length, struct in text_items(generation, pieces, clients):
            structs[log].append((clock, length, struct))
    blocks = [
        Block(clients[log], 0, _with_gaps(found, ends[log])) for log, found in structs.items()
    ]
    return encode_update(blocks, {})


def _with_gaps(structs: list[Struct], end: int) -> list[bytes]:
    out: list[bytes] = []
    clock = 0
    for first, length, struct in sorted(structs):
        if first > clock:
            out.append(encode_gap(first - clock))
        out.append(struct)
        clock = first + length
    if end > clock:
        out.append(encode_gap(end - clock))
    return out


def _by_clock(element: Element) -> int:
    return element.dot.clock
