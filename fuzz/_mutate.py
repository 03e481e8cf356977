"""New inputs from known ones, the same for the same seed."""

import copy
import random
from collections.abc import Callable, Sequence
from typing import cast

import cbor2

INPUT_BYTES_MAX = 64 << 10
"""Longer inputs find nothing that shorter ones do not, and are slow."""

_BOUNDARIES = (0, 1, 23, 24, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 4096, 4097, 65535, 1 << 20)
_HEADS = bytes((0x00, 0x18, 0x1B, 0x20, 0x40, 0x58, 0x60, 0x80, 0x9F, 0xA0, 0xC2, 0xF6, 0xF9, 0xFF))

_ITEMS: tuple[object, ...] = (0, 1, -1, 255, 1 << 40, b"", bytes(32), "", "r/x", [], {}, None, True)

Mutation = Callable[[random.Random, bytearray], None]


def _place(rng: random.Random, data: bytearray) -> int:
    return rng.randrange(len(data) + 1)


def _flip(rng: random.Random, data: bytearray) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _replace(rng: random.Random, data: bytearray) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice(_HEADS)


def _insert(rng: random.Random, data: bytearray) -> None:
    at = _place(rng, data)
    data[at:at] = rng.randbytes(rng.randint(1, 8))


def _insert_head(rng: random.Random, data: bytearray) -> None:
    data.insert(_place(rng, data), rng.choice(_HEADS))


def _delete(rng: random.Random, data: bytearray) -> None:
    at = _place(rng, data)
    del data[at : at + rng.randint(1, 1 + len(data) // 4)]


def _repeat(rng: random.Random, data: bytearray) -> None:
    at, size = _place(rng, data), rng.randint(1, 64)
    data[at:at] = data[at : at + size] * rng.randint(1, 4)


def _swap(rng: random.Random, data: bytearray) -> None:
    first, second = sorted((_place(rng, data), _place(rng, data)))
    size = rng.randint(1, 32)
    left, right = data[first : first + size], data[second : second + size]
    data[second : second + size] = left
    data[first : first + size] = right


def _number(rng: random.Random, data: bytearray) -> None:
    width = rng.choice((1, 2, 4, 8))
    at = _place(rng, data)
    number = max(0, rng.choice(_BOUNDARIES) + rng.randint(-1, 1)) & ((1 << 8 * width) - 1)
    data[at : at + width] = number.to_bytes(width, "big")


def _truncate(rng: random.Random, data: bytearray) -> None:
    del data[_place(rng, data) :]


def _splice(rng: random.Random, data: bytearray, other: bytes) -> None:
    at, start = _place(rng, data), rng.randrange(len(other) + 1)
    data[at : at + rng.randint(0, 32)] = other[start : start + rng.randint(1, 256)]


def _change_item(rng: random.Random, data: bytearray) -> None:
    """Change one item and keep the rest canonical CBOR, to get past the first check."""
    try:
        value: object = cbor2.loads(bytes(data), max_depth=16)
        data[:] = cbor2.dumps(_changed(rng, value), canonical=True)
    except (cbor2.CBORError, ValueError, OverflowError):
        return


def _changed(rng: random.Random, value: object) -> object:
    if isinstance(value, list) and value:
        items = cast(list[object], value)
        at = rng.randrange(len(items))
        match rng.randrange(8):
            case 0:
                del items[at]
            case 1:
                items.insert(at, copy.deepcopy(rng.choice(items)))
            case 2:
                other = rng.randrange(len(items))
                items[at], items[other] = items[other], items[at]
            case _:
                items[at] = _changed(rng, items[at])
        return items
    if isinstance(value, int) and rng.random() < 0.7:
        return value + rng.choice((-1, 1, 256, 1 << 32))
    if isinstance(value, bytes) and rng.random() < 0.7:
        return rng.choice((value[:-1], value + b"\0", value[::-1], value * 2))
    return copy.deepcopy(rng.choice(_ITEMS))


MUTATIONS: tuple[Mutation, ...] = (
    _flip,
    _replace,
    _insert,
    _insert_head,
    _delete,
    _repeat,
    _swap,
    _number,
    _truncate,
)


def mutated(rng: random.Random, known: Sequence[bytes]) -> bytes:
    """One of ``known`` with one to six changes, of its bytes or of its items."""
    data = bytearray(rng.choice(known))
    keep_canonical = rng.random() < 0.4
    for _ in range(rng.randint(1, 6)):
        if keep_canonical:
            _change_item(rng, data)
        elif rng.random() < 0.1:
            _splice(rng, data, rng.choice(known))
        else:
            rng.choice(MUTATIONS)(rng, data)
    return bytes(data[:INPUT_BYTES_MAX])
