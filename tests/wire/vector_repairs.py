"""Vectors of messages that mend, and of edits, that must be refused: what they are made of."""

from collections.abc import Iterator

from engram_wire import NOTHING_SEALED, CloseCode, cbor
from tests.wire.vector_values import ALICE

PROTOCOL, LIMIT, INVALID = CloseCode.PROTOCOL, CloseCode.LIMIT, CloseCode.INVALID_RECORD


def rows_of_repairs() -> Iterator[tuple[str, int, list[cbor.Encodable], CloseCode]]:
    """Name, type, fields and code of each message."""
    scope, log, other, mark = b"s" * 32, b"l" * 32, b"m" * 32, b"f" * 16
    none, digest = NOTHING_SEALED[1], b"d" * 32
    conflict: list[cbor.Encodable] = [log, other, b"e" * 16, 0]
    wide: list[cbor.Encodable] = [bytes(32), None, mark, 1]
    yield "no sealed logs, spelled out", 2, [1, scope, digest, None, [0, none], []], PROTOCOL
    yield (
        "sealed logs with the digest of none",
        2,
        [1, scope, digest, None, [1, none], []],
        PROTOCOL,
    )
    yield "2^32 sealed logs", 2, [1, scope, digest, None, [1 << 32, digest], []], PROTOCOL
    short: list[cbor.Encodable] = [1, 0, ALICE.public_key, b"i" * 16]
    yield "an announcement without a branch", 3, [1, 0, [short], None, None], PROTOCOL
    yield "a branch of 16 bytes", 3, [1, 0, [[*short, b"b" * 16]], None, None], PROTOCOL
    yield "no conflict", 10, [scope, []], PROTOCOL
    yield "a conflict of class 256", 10, [scope, [[*conflict[:3], 256]]], PROTOCOL
    yield "a conflict of an engram of 32 bytes", 10, [scope, [[log, other, log, 0]]], PROTOCOL
    yield "nothing resolved", 11, [scope, [], [], []], PROTOCOL
    yield "65 frames of a resolution", 11, [scope, [[log, other]], [], [b""] * 65], LIMIT
    yield "a leave with a reason of 65 bytes", 12, [scope, "a" * 65], LIMIT
    yield "no payload wanted", 13, [1, scope, []], PROTOCOL
    yield "a payload of record 0", 13, [1, scope, [[log, 0]]], PROTOCOL
    yield "513 payloads wanted", 13, [1, scope, [[log, 1]] * 513], LIMIT
    yield "an answer without a payload", 14, [1, []], PROTOCOL
    yield "a payload in an answer that is text", 14, [1, [[log, 1, "text"]]], PROTOCOL
    yield "no position probed", 15, [1, scope, log, []], PROTOCOL
    yield "positions of a probe out of order", 15, [1, scope, log, [2, 1]], PROTOCOL
    yield "a position twice in a probe", 15, [1, scope, log, [1, 1]], PROTOCOL
    yield "65 positions probed", 15, [1, scope, log, list(range(1, 66))], LIMIT
    yield "no head in an answer", 16, [1, []], PROTOCOL
    yield "a head of 31 bytes", 16, [1, [log[1:]]], PROTOCOL
    yield "no range", 17, [1, []], PROTOCOL
    yield "ranges that overlap", 17, [1, [[log, other, mark, 1], [log, other, mark, 1]]], PROTOCOL
    yield "a range behind one without an end", 17, [1, [wide, [log, None, mark, 1]]], PROTOCOL
    yield "a range that ends before it begins", 17, [1, [[other, log, mark, 1]]], PROTOCOL
    yield "a fingerprint of 32 bytes", 17, [1, [[log, None, log, 1]]], PROTOCOL
    yield "257 ranges", 17, [1, [wide] * 257], LIMIT
    yield "an answer of form 3", 18, [1, [[3, []]]], PROTOCOL
    yield "an answer of form 0 with an item", 18, [1, [[0, []]]], PROTOCOL
    yield "an answer of form 1 without an item", 18, [1, [[1]]], PROTOCOL
    yield "an answer without parts", 18, [1, [[2, []]]], PROTOCOL
    parts: list[cbor.Encodable] = [[other, mark, 1], [log, mark, 1]]
    yield "parts out of order", 18, [1, [[2, parts]]], PROTOCOL
    yield "17 parts", 18, [1, [[2, [[bytes((n,)) * 32, mark, 1] for n in range(17)]]]], LIMIT
    entries: list[cbor.Encodable] = [[other, 1, log], [log, 1, log]]
    yield "positions of a range out of order", 18, [1, [[1, entries]]], PROTOCOL


def rows_of_edits() -> Iterator[tuple[str, list[cbor.Encodable], CloseCode]]:
    """Name, column and code of each edit; its record has one put."""
    log, other = b"l" * 32, b"m" * 32
    insert: list[cbor.Encodable] = [0, [log, 4], 5]
    span: list[cbor.Encodable] = [0, 3, 2]
    yield "an edit with dots in its place", [0, 0, 0], INVALID
    yield "an edit of five items", [0, 0, [insert], [], 0], INVALID
    yield "an edit with an insert too few", [0, 0, [], [span]], INVALID
    yield "an edit that changes nothing", [0, 0, [], []], INVALID
    yield "a generation of another author's log by 1", [1, 0, [insert], []], INVALID
    yield "a generation of clock 2^32", [0, 1 << 32, [insert], []], INVALID
    yield "an insert of no units", [0, 0, [[0, 0, 0]], []], INVALID
    yield "an insert of 65537 units", [0, 0, [[0, 0, 65537]], []], INVALID
    yield "an insert without a right origin", [0, 0, [[0, 5]], []], INVALID
    yield "an origin of null", [0, 0, [[None, 0, 5]], []], INVALID
    yield "an origin without a clock", [0, 0, [[[log], 0, 5]], []], INVALID
    yield "a span of no units", [0, 0, [insert], [[0, 3, 0]]], INVALID
    yield "a span beyond the last clock", [0, 0, [insert], [[0, 4294967295, 2]]], INVALID
    yield "spans that overlap", [0, 0, [insert], [span, [0, 4, 1]]], INVALID
    yield "spans out of order", [0, 0, [insert], [[other, 0, 1], [log, 0, 1]]], INVALID
