# Invariant: whatever a membership statement or a grant says, it is refused with WireError or it has
# one spelling.

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Protocol

from engram_sync.membership import (
    Admission,
    Charter,
    Cutoff,
    Epoch,
    Grant,
    MemberRole,
    Revoke,
    SetRole,
    SignedGrant,
    found,
)
from engram_wire import RecordKind, WireError, cbor, parse_shape_untrusted

from ._run import require

_KEY, _LOG = b"k" * 32, b"l" * 32
_CUTS = (Cutoff(_KEY, 3, _LOG), Cutoff(_LOG, 0, _LOG))


class _Statement(Protocol):
    def statement(self) -> list[object]: ...


class _Encoded(Protocol):
    def encode(self) -> bytes: ...


_STATEMENTS: dict[int, Callable[[Sequence[object] | None], _Statement]] = {
    RecordKind.CHARTER: Charter.parse_untrusted,
    RecordKind.ADMIT: Admission.parse_untrusted,
    RecordKind.SET_ROLE: SetRole.parse_untrusted,
    RecordKind.REVOKE: Revoke.parse_untrusted,
    RecordKind.EPOCH: Epoch.parse_untrusted,
}
_GRANTS: list[Callable[[bytes], _Encoded]] = [Grant.decode_untrusted, SignedGrant.decode_untrusted]


_CHARTER = found("agent", _KEY, nonce=b"n" * 16, leaders=[_LOG], recovery=_LOG, commitment=_LOG)
_GRANT = Grant(_LOG, _KEY, MemberRole.MEMBER, 1 << 40, 7)
_HONEST: list[tuple[RecordKind, list[object]]] = [
    (RecordKind.CHARTER, _CHARTER.statement()),
    (RecordKind.CHARTER, [*_CHARTER.statement()[:-1], ["?later", 1, "minimum", 2]]),
    (RecordKind.ADMIT, Admission(_KEY, MemberRole.MEMBER, _LOG).statement()),
    (
        RecordKind.ADMIT,
        Admission(_KEY, MemberRole.LEADER, _LOG, _KEY, 3, b"p" * 64, _LOG).statement(),
    ),
    (RecordKind.SET_ROLE, SetRole(_KEY, MemberRole.OBSERVER, _CUTS).statement()),
    (RecordKind.REVOKE, Revoke(_KEY, _CUTS).statement()),
    (RecordKind.EPOCH, Epoch(2, _LOG, ((_KEY, b"b" * 80), (_LOG, b"b" * 80))).statement()),
]
_ODD: list[object] = [
    *(0, 1, 2, 3, 4, -1, 1 << 63, True, False, None, "", "?x", "policy", [], [_KEY], {}, {"a": 1}),
    *(b"", b"k" * 16, _KEY, _LOG, b"m" * 32, b"p" * 64, b"b" * 80, 1.5),
]


def odd_items(number: int) -> list[object]:
    """One item, never the same list twice, or none."""
    return [copy(_ODD[number % len(_ODD)])] if number < 192 else []


def changed(statement: list[object], script: bytes) -> list[object]:
    """Put odd items in place of others, into the list or one level down, or take items away."""
    made = [[*item] if cbor.is_list(item) else item for item in statement]
    for at, deed, odd in zip(script[::3], script[1::3], script[2::3], strict=False):
        inner = made[at % len(made)] if made else None
        items = inner if deed & 1 and cbor.is_list(inner) and inner else made
        place = (deed >> 2) % len(items) if items is not made else at % (len(made) or 1)
        items[place : place + 1 + (deed >> 1 & 1)] = odd_items(odd)
    return made


def seeds() -> Iterable[bytes]:
    """A statement's number and what to do to it; or the shape of a record; or a grant."""
    for number, (kind, statement) in enumerate(_HONEST):
        yield bytes((number,))
        yield bytes((number, 0, 0, 0, 2, 5, 192))
        yield bytes((kind,)) + cbor.dump_canonical(statement)
    yield b"\xfe" + _GRANT.encode()
    yield b"\xff" + SignedGrant(_KEY, _GRANT.encode(), b"s" * 64).encode()


def check(data: bytes) -> None:
    if data[:1] in {b"\xfe", b"\xff"}:
        try:
            grant = _GRANTS[data[0] - 0xFE](data[1:])
        except WireError:
            return
        require(grant.encode() == data[1:], "a grant has one spelling")
        return
    if data and data[0] < len(_HONEST):
        kind, statement = _HONEST[data[0]]
        data = bytes((kind,)) + cbor.dump_canonical(changed(statement, data[1:]))
    try:
        shape = parse_shape_untrusted(data)
        parse = _STATEMENTS.get(shape.kind)
        if parse is None:
            return
        read = parse(shape.statement)
    except WireError:
        return
    said, again = list(shape.statement or ()), read.statement()
    require(parse(again) == read, "a statement says again what was read")
    if shape.kind == RecordKind.CHARTER:
        # Terms that need not be understood are left out; the scope's id is over the bytes as sent.
        said, again = said[:-1], again[:-1]
    one = cbor.dump_canonical(again) == cbor.dump_canonical(said)
    require(one, "a statement has one spelling")
