"""Vectors of byte strings that must be refused: values, messages, records, frames and keys."""

from collections.abc import Iterator, Mapping
from typing import cast

import nacl.bindings

from engram_wire import (
    AUTH_UNCHANGED,
    NO_IDS,
    NO_SUPERSEDED,
    CloseCode,
    SyncRequest,
    cbor,
    encode_ids,
    encode_message,
)
from engram_wire.records import DOMAIN_RECORD
from tests.wire.test_records import SMALL_ORDER_KEYS
from tests.wire.vector_records import DATA, DATA_RECORDS, MEMBERS, SCOPE, ids_of, log_of
from tests.wire.vector_repairs import rows_of_edits, rows_of_repairs
from tests.wire.vector_sessions import BACKLOG_FRAME, MEMBERS_ENTRY
from tests.wire.vector_values import ALICE, BOB, Json, Row

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the prime-order group of Ed25519."""

PROTOCOL, LIMIT = CloseCode.PROTOCOL, CloseCode.LIMIT
INVALID, SIGNATURE = CloseCode.INVALID_RECORD, CloseCode.SIGNATURE


def refused(reader: str, name: str, data: bytes, code: CloseCode, **context: Json) -> Row:
    return {
        "reader": reader,
        "name": name,
        **context,
        "hex": data.hex(),
        "code": int(code),
        "code_name": code.name,
    }


def raised(signature: bytes) -> bytes:
    """The same signature with S + L, which a careless library accepts too."""
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    return signature[:32] + scalar.to_bytes(32, "little")


# ---- values --------------------------------------------------------------------------------------

_VALUES: dict[str, str] = {
    "nothing": "",
    "an integer of one byte in two": "1800",
    "an integer of one byte in three": "190017",
    "an integer of four bytes in nine": "1b00000000ffffffff",
    "a negative integer of one byte in two": "3800",
    "a length of one byte in two": "580161",
    "an array whose length takes one byte too many": "98020102",
    "a float that fits two bytes in four": "fa3f000000",
    "a float that fits four bytes in eight": "fb3ff0000000000000",
    "trailing bytes": "0000",
    "a byte string cut short": "4261",
    "an array cut short": "8201",
    "an indefinite array": "9f01ff",
    "an indefinite byte string": "5f4161ff",
    "an indefinite text": "7f6161ff",
    "an indefinite map": "bf616101ff",
    "a break without a beginning": "ff",
    "the same key twice": "a2616101616102",
    "keys out of order": "a2616201616102",
    "a longer key before a shorter one": "a2626161016162f6",
    "a key that is an integer": "a10102",
    "a key that is a byte string": "a1416102",
    "a tagged date": "c11a514b67b0",
    "a big number": "c249010000000000000000",
    "a shared value": "d81c80",
    "the tag of CBOR itself": "d9d9f700",
    "a tag nobody knows": "db1111111111111111f6",
    "NaN": "f97e00",
    "NaN with a payload": "f97e01",
    "infinity": "f97c00",
    "minus infinity": "f9fc00",
    "undefined": "f7",
    "a simple value": "f0",
    "a simple value in two bytes": "f8ff",
    "reserved additional information": "1c",
    "text that is not UTF-8": "61ff",
    "text with a surrogate": "63eda080",
    "an integer below -2^63": "3b8000000000000000",
    "a length of 2^63 bytes": "5b8000000000000000",
    "an array of 2^32 items that are not there": "9b0000000100000000",
    "arrays nested 17 deep": "81" * 17 + "00",
}


def _values() -> Iterator[Row]:
    for name, data in _VALUES.items():
        yield refused("value", name, bytes.fromhex(data), PROTOCOL)


# ---- messages ------------------------------------------------------------------------------------


def _hellos() -> Iterator[Row]:
    nonce = b"1" * 32
    hellos: list[tuple[str, list[cbor.Encodable], CloseCode]] = [
        ("a Hello without a version", [0, [], [], nonce], PROTOCOL),
        ("a Hello of version 0", [0, [0], [], nonce], PROTOCOL),
        ("a Hello of version 256", [0, [256], [], nonce], PROTOCOL),
        ("versions out of order", [0, [2, 1], [], nonce], PROTOCOL),
        ("a version twice", [0, [1, 1], [], nonce], PROTOCOL),
        ("a version that is true", [0, [True], [], nonce], PROTOCOL),
        ("nine versions", [0, list(range(1, 10)), [], nonce], LIMIT),
        ("capabilities out of order", [0, [1], ["b", "a"], nonce], PROTOCOL),
        ("a capability twice", [0, [1], ["a", "a"], nonce], PROTOCOL),
        ("a capability both ways", [0, [1], ["!a", "a"], nonce], PROTOCOL),
        ("a capability with a line break", [0, [1], ["a\n"], nonce], PROTOCOL),
        ("a capability of 33 bytes", [0, [1], ["a" * 33], nonce], LIMIT),
        ("17 capabilities", [0, [1], [f"c{n:02}" for n in range(17)], nonce], LIMIT),
        ("a nonce of 31 bytes", [0, [1], [], nonce[1:]], PROTOCOL),
        ("a nonce that is text", [0, [1], [], "1" * 32], PROTOCOL),
        ("a Hello of five items", [0, [1], [], nonce, 0], PROTOCOL),
        ("a Hello of another type", [1, [1], [], nonce], PROTOCOL),
    ]
    for name, row, code in hellos:
        yield refused("hello", name, cbor.encode(row), code)
    key, proof = ALICE.public_key, bytes(64)
    acks: dict[str, list[cbor.Encodable]] = {
        "a HelloAck with a key of 31 bytes": [1, key[1:], proof],
        "a HelloAck with a signature of 63 bytes": [1, key, proof[1:]],
        "a HelloAck of another type": [0, key, proof],
        "a HelloAck of two items": [1, key],
    }
    for name, ack in acks.items():
        yield refused("hello ack", name, cbor.encode(ack), PROTOCOL)


def _rows_of_messages() -> Iterator[tuple[str, int, list[cbor.Encodable], CloseCode]]:
    scope, digest = b"s" * 32, b"d" * 32
    log = b"l" * 32
    entry: list[cbor.Encodable] = [log, 1, b"h" * 32]
    later: list[cbor.Encodable] = [b"m" * 32, 1, b"h" * 32]
    announcement: list[cbor.Encodable] = [1, 0, ALICE.public_key, b"i" * 16, None]
    yield "a request below 0", 2, [-1, scope, digest, None, None, []], PROTOCOL
    yield "a request of 2^32", 2, [1 << 32, scope, digest, None, None, []], PROTOCOL
    yield "a request that is true", 2, [True, scope, digest, None, None, []], PROTOCOL
    yield "a request that is a float", 2, [1.0, scope, digest, None, None, []], PROTOCOL
    yield "a scope of 31 bytes", 2, [1, scope[1:], digest, None, None, []], PROTOCOL
    yield "a clock out of order", 2, [1, scope, digest, [later, entry], None, []], PROTOCOL
    yield "a log twice in a clock", 2, [1, scope, digest, [entry, entry], None, []], PROTOCOL
    yield "a seq of 0", 2, [1, scope, digest, [[log, 0, b"h" * 32]], None, []], PROTOCOL
    yield "a seq of 2^40", 2, [1, scope, digest, [[log, 1 << 40, b"h" * 32]], None, []], PROTOCOL
    yield "257 credentials", 2, [1, scope, digest, None, None, [[announcement, b""]] * 257], LIMIT
    yield "a field too many", 2, [1, scope, digest, None, None, [], 0], PROTOCOL
    yield "a field too few", 2, [1, scope, digest, None, []], PROTOCOL
    yield "an unknown status", 3, [1, 5, [], None, None], PROTOCOL
    yield "an announcement of domain 2", 3, [1, 0, [[1, 2, *announcement[2:]]], b"", None], PROTOCOL
    yield "a frame that is text", 3, [1, 0, [], "frame", None], PROTOCOL
    yield "a summary of two items", 3, [1, 1, [], None, [digest, digest]], PROTOCOL
    yield "a state digest of 31 bytes", 3, [1, 1, [], None, [digest, b"s" * 31, 0, 1]], PROTOCOL
    yield "a received seq of 0", 4, [1, [[1, 0]], None, []], PROTOCOL
    yield "a received log by its id", 4, [1, [[log, 1]], None, []], PROTOCOL
    yield "a code of 256", 4, [1, [], None, [[1, 1, 256]]], PROTOCOL
    yield "a grant of 4097 bytes", 5, [scope, scope, bytes(4097), bytes(64), ""], LIMIT
    yield "a proof of 63 bytes", 5, [scope, scope, b"", bytes(63), ""], PROTOCOL
    yield "a label of 65 bytes", 5, [scope, scope, b"", bytes(64), "a" * 65], LIMIT
    yield "a label with an escape", 5, [scope, scope, b"", bytes(64), "\x1b[2J"], PROTOCOL
    spaced: list[cbor.Encodable] = [scope, scope, b"", bytes(64), "a\u00a0b"]
    yield "a label with a space that does not break", 5, spaced, PROTOCOL
    yield "an agent of 31 bytes", 5, [scope, scope[1:], b"", bytes(64), "a"], PROTOCOL
    yield "accepted is 1", 6, [1, None, None, []], PROTOCOL
    yield "a secret of 16 bytes", 6, [True, None, bytes(16), []], PROTOCOL
    yield "a nonce below 0", 7, [-1, []], PROTOCOL
    yield "summaries of null", 8, [0, None], PROTOCOL
    yield "a Goodbye with code 256", 9, [256, ""], PROTOCOL
    yield "a reason of 65 bytes", 9, [0, "a" * 65], LIMIT
    yield "a reason of 33 characters and 66 bytes", 9, [0, "é" * 33], LIMIT
    yield "an extension without a name", 19, ["", True, b""], PROTOCOL
    yield "an extension with a name of 65 bytes", 19, ["a" * 65, True, b""], LIMIT
    yield "an extension that is 1", 19, ["a", 1, b""], PROTOCOL
    yield "a page without credentials", 20, [scope, []], PROTOCOL
    yield "a type that is reserved", 21, [], PROTOCOL
    yield "a Hello in an envelope", 0, [0, [1], [], b"1" * 32], PROTOCOL


def _messages() -> Iterator[Row]:
    for name, kind, row, code in (*_rows_of_messages(), *rows_of_repairs()):
        yield refused("message", name, cbor.encode(row), code, type=kind)
    kind, data = encode_message(SyncRequest(1, SCOPE, b"d" * 32, (MEMBERS_ENTRY,)))
    for name, changed in [
        ("a message and one byte", data + b"\0"),
        ("a message cut short", data[:-1]),
        ("a request in two bytes", b"\x86\x18\x01" + data[2:]),
        ("an indefinite array of fields", b"\x9f" + data[1:] + b"\xff"),
    ]:
        yield refused("message", name, changed, PROTOCOL, type=kind)


# ---- records -------------------------------------------------------------------------------------


def _parts() -> Iterator[Row]:
    log, other = b"l" * 32, b"m" * 32
    shapes = [
        ("a shape of no bytes", b"", INVALID),
        ("a kind of 24", b"\x18\x80", INVALID),
        ("a kind of -25", b"\x38\x80", INVALID),
        ("a kind that is a byte string", b"\x40\x80", INVALID),
        ("an extension of members without a name", b"\x16\x80", INVALID),
        ("an extension of members of no text", b"\x36\x82\x00\x00", INVALID),
        ("an unknown kind of data that names no collections", b"\x0c\x81\x00", INVALID),
        ("a collection without a slash", b"\x00\x81\x61a", INVALID),
        ("a collection in upper case", b"\x00" + cbor.encode(["r/Title"]), INVALID),
        ("a collection of 65 characters", b"\x00" + cbor.encode(["r/" + "a" * 63]), INVALID),
        ("a collection that is a number", b"\x00\x81\x00", INVALID),
        ("65 collections", b"\x00" + cbor.encode(["r/title"] * 65), INVALID),
        ("a shape that is a map", b"\x00\xa0", INVALID),
        ("a statement that is no array", b"\x10\x00", INVALID),
        ("a shape of 8193 bytes", b"\x17" + cbor.encode([bytes(8188)]), LIMIT),
        ("a shape with a tag", b"\x10\x81\xc1\x00", PROTOCOL),
        ("a join with a put", b"\x06" + cbor.encode(["r/title"]), INVALID),
        ("an erase with a put", b"\x07" + cbor.encode(["r/title"]), INVALID),
        ("a seal with a put", b"\x08" + cbor.encode(["r/title"]), INVALID),
        ("an edit of a title", b"\x09" + cbor.encode(["r/title"]), INVALID),
        ("inserted text in an update", b"\x01" + cbor.encode(["x/body"]), INVALID),
        ("another name of inserted text", b"\x01" + cbor.encode(["x/title"]), INVALID),
    ]
    for name, data, code in shapes:
        yield refused("shape", name, data, code)
    yield from _dots(log, other)
    for name, row, code in rows_of_edits():
        yield refused("edit", name, cbor.encode(row), code, puts=1)
    ids: list[tuple[str, str, bytes, CloseCode]] = [
        ("deps", "ids out of order", cbor.encode([other, log]), INVALID),
        ("deps", "an id twice", cbor.encode([log, log]), INVALID),
        ("deps", "an id of 31 bytes", cbor.encode([log[1:]]), INVALID),
        ("deps", "65 ids", encode_ids([bytes((n,)) * 32 for n in range(65)]), LIMIT),
        ("deps", "deps of null", AUTH_UNCHANGED, INVALID),
        ("auth", "an auth that names no head", NO_IDS, INVALID),
        ("auth", "nine heads", encode_ids([bytes((n,)) * 32 for n in range(9)]), LIMIT),
    ]
    for reader, name, data, code in ids:
        yield refused(reader, name, data, code)


def _dots(log: bytes, other: bytes) -> Iterator[Row]:
    dots: list[tuple[str, int, int, list[cbor.Encodable], CloseCode]] = [
        ("two items where three belong together", 1, 1, [0, 0], INVALID),
        ("three items where two belong together", 2, 0, [0, 0, 0], INVALID),
        ("an op above the number of puts", 1, 1, [2, 0, 0], INVALID),
        ("a clock of 2^32", 1, 1, [0, 0, 1 << 32], INVALID),
        ("a log that is 1", 1, 1, [0, 1, 0], INVALID),
        ("a log of 31 bytes", 1, 1, [0, log[1:], 0], INVALID),
        ("a dot twice", 1, 1, [0, 0, 1, 0, 0, 1], INVALID),
        ("clocks out of order", 1, 1, [0, 0, 2, 0, 0, 1], INVALID),
        ("the own log after another", 1, 1, [0, log, 0, 0, 0, 0], INVALID),
        ("logs out of order", 1, 1, [0, other, 0, 0, log, 0], INVALID),
        ("ops out of order", 1, 1, [1, 0, 0, 0, 0, 1], INVALID),
        ("a delete that names a log twice", 2, 0, [log, 1, log, 2], INVALID),
        ("an erase of record 0", 7, 0, [0, 0], INVALID),
        ("an erase of record 2^40", 7, 0, [0, 1 << 40], INVALID),
        ("an erase that names a record twice", 7, 0, [0, 1, 0, 1], INVALID),
        ("an erase out of order", 7, 0, [log, 1, 0, 1], INVALID),
        ("an erase in triples", 7, 0, [0, 0, 1], INVALID),
        ("a seal of the own log", 8, 0, [0, 1], INVALID),
        ("a seal at 0", 8, 0, [log, 0], INVALID),
        ("a seal that names a log twice", 8, 0, [log, 1, log, 2], INVALID),
        ("a ratify of the own log", 11, 0, [0, 1], INVALID),
        ("a ratify that names a record twice", 11, 0, [log, 1, log, 1], INVALID),
        ("an extension of data without a name", 15, 0, [], INVALID),
        ("an extension of data of three items", 0x2F, 0, ["a", 1, 2], INVALID),
        ("a membership statement with dots", 17, 0, [0, 0, 0], INVALID),
    ]
    for name, kind, puts, flat, code in dots:
        yield refused("superseded", name, cbor.encode(flat), code, kind=kind, puts=puts)


def _payloads() -> Iterator[Row]:
    salt = bytes(16)
    for name, data, code in [
        ("a payload that is a text", cbor.encode("hello"), INVALID),
        ("a salt of 15 bytes", cbor.encode([salt[1:], []]), INVALID),
        ("values that are no array", cbor.encode([salt, 0]), INVALID),
        ("65 values", cbor.encode([salt, [0] * 65]), INVALID),
        ("a third item", cbor.encode([salt, [], 0]), INVALID),
        ("a value in two bytes", b"\x82\x50" + salt + b"\x81\x18\x00", INVALID),
        ("a value with a tag", b"\x82\x50" + salt + b"\x81\xc1\x00", PROTOCOL),
        ("a value that is NaN", b"\x82\x50" + salt + b"\x81\xf9\x7e\x00", PROTOCOL),
        ("trailing bytes after a payload", cbor.encode([salt, []]) + b"\0", INVALID),
    ]:
        yield refused("payload", name, data, code)


# ---- frames --------------------------------------------------------------------------------------


def _columns() -> Iterator[tuple[str, Mapping[int, cbor.Encodable], CloseCode]]:
    columns = cast("list[list[cbor.Encodable]]", cbor.decode_untrusted(BACKLOG_FRAME))
    shapes, dots, payloads, context = columns[4], columns[10], columns[11], columns[12]
    hold = cast("list[bytes]", payloads)
    yield "a log reference of 2^32", {0: 1 << 32}, PROTOCOL
    yield "a first seq of 0", {1: 0}, PROTOCOL
    yield "a frame without a signature", {2: [], 3: b""}, PROTOCOL
    yield "a last record without a signature", {2: [1]}, PROTOCOL
    yield "a signed offset outside the frame", {2: [3]}, PROTOCOL
    yield "a signature of 63 bytes", {3: bytes(63)}, PROTOCOL
    yield "two signatures for one offset", {3: bytes(128)}, PROTOCOL
    yield "the same shape twice", {4: [shapes[0], shapes[0], shapes[2]]}, PROTOCOL
    yield "a shape that is never used", {5: b"\0\1\1"}, PROTOCOL
    yield "shapes not in the order of their first use", {5: b"\1\0\2"}, PROTOCOL
    yield "a shape index for one shape", {4: [shapes[0]], 5: bytes(3), 10: 0}, PROTOCOL
    yield "no shape index for three shapes", {5: 0}, PROTOCOL
    yield "a shape of no known form", {4: [b"\x00\x81\x00", *shapes[1:]]}, INVALID
    yield "an engram column of 47 bytes", {6: bytes(47)}, PROTOCOL
    yield "a time before the least", {7: 65535}, INVALID
    yield "a time of 2^47", {7: 1 << 47}, PROTOCOL
    yield "a clock that steps below its range", {8: [1, -(1 << 46)]}, INVALID
    yield "a time step too many", {8: [1, 1, 1]}, PROTOCOL
    yield "counters that are all zero, as a column", {9: [0, 0, 0]}, PROTOCOL
    yield "a counter of 2^16", {9: [0, 0, 1 << 16]}, PROTOCOL
    yield "no superseded dots, as a column", {10: [b"", b"", b""]}, PROTOCOL
    yield "no dots, spelled as an array", {10: [NO_SUPERSEDED, *dots[1:]]}, PROTOCOL
    yield "a column of dots cut short", {10: dots[:2]}, PROTOCOL
    yield "no records", {11: []}, PROTOCOL
    yield "a payload hash of 31 bytes", {11: [[bytes(31)], *hold[1:]]}, PROTOCOL
    yield "a payload that is null", {11: [None, *hold[1:]]}, PROTOCOL
    yield "an empty context, as a column", {12: []}, PROTOCOL
    yield "a context entry that says nothing", {12: [[0, NO_IDS, AUTH_UNCHANGED]]}, PROTOCOL
    yield "context entries out of order", {12: context[::-1]}, PROTOCOL
    yield "no marks, as a column", {13: []}, PROTOCOL
    yield "a mark outside the frame", {13: [3]}, PROTOCOL
    yield "a mark that is signed", {13: [2]}, PROTOCOL
    yield "marks out of order", {13: [1, 0]}, PROTOCOL


def _frames() -> Iterator[Row]:
    columns = cast("list[cbor.Encodable]", cbor.decode_untrusted(BACKLOG_FRAME))
    for name, change, code in _columns():
        changed = [change.get(index, column) for index, column in enumerate(columns)]
        yield refused("frame", name, cbor.encode(changed), code)
    yield refused("frame", "a frame of thirteen columns", cbor.encode(columns[:13]), PROTOCOL)
    yield refused("frame", "a frame and one byte", BACKLOG_FRAME + b"\0", PROTOCOL)
    yield refused("frame", "a frame cut short", BACKLOG_FRAME[:-1], PROTOCOL)
    alice, log = ALICE.public_key, log_of(DATA)
    signature = cast("bytes", columns[3])
    payloads = cast("list[bytes]", columns[11])
    changed = [[*payloads[:2], payloads[2][:-1] + b"X"], raised(signature), bytes(48)]
    for name, author, head, data in [
        ("the signature of another author", BOB.public_key, log, BACKLOG_FRAME),
        ("a frame in another log", alice, log_of(MEMBERS), BACKLOG_FRAME),
        ("a changed payload", alice, log, cbor.encode([*columns[:11], changed[0], *columns[12:]])),
        ("S + L in a frame", alice, log, cbor.encode([*columns[:3], changed[1], *columns[4:]])),
        ("a mark that the author did not set", alice, log, cbor.encode([*columns[:13], [0]])),
        ("changed engrams", alice, log, cbor.encode([*columns[:6], changed[2], *columns[7:]])),
        ("another first seq", alice, log, cbor.encode([1, 2, *columns[2:]])),
    ]:
        context: dict[str, Json] = {"author": author.hex(), "head": head.hex()}
        yield refused("run", name, data, SIGNATURE, **context)


# ---- keys and signatures -------------------------------------------------------------------------


def _keys() -> Iterator[Row]:
    for key in SMALL_ORDER_KEYS:
        yield refused("key", "a key of small order, or not canonical", key, SIGNATURE)
    mixed = nacl.bindings.crypto_core_ed25519_add(ALICE.public_key, SMALL_ORDER_KEYS[-1])
    yield refused("key", "a key of mixed order", mixed, SIGNATURE)
    yield refused("key", "a key that is no point", b"\x02" + bytes(31), SIGNATURE)
    yield refused("key", "a key of 31 bytes", ALICE.public_key[1:], SIGNATURE)
    message = DOMAIN_RECORD + ids_of(DATA, DATA_RECORDS)[0]
    proof = nacl.bindings.crypto_sign(message, ALICE.secret_key)[:64]
    alice, small = ALICE.public_key, SMALL_ORDER_KEYS[2]
    for name, key, over, signature in [
        ("a signature over something else", alice, message + b"\0", proof),
        ("a signature by another key", BOB.public_key, message, proof),
        ("a signature without its domain string", alice, message[len(DOMAIN_RECORD) :], proof),
        ("S + L", alice, message, raised(proof)),
        ("R = A and S = 0 under a key of small order", small, message, small + bytes(32)),
        ("a signature of zeros", alice, message, bytes(64)),
    ]:
        context: dict[str, Json] = {"key": key.hex(), "message": over.hex()}
        yield refused("signature", name, signature, SIGNATURE, **context)


def parts_refused() -> list[Row]:
    """Everything that is refused by itself, outside a session."""
    sources = (_values, _hellos, _messages, _parts, _payloads, _frames, _keys)
    return [row for source in sources for row in source()]
