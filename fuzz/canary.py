# Invariant: no input ever holds the byte 0xff.  It is false on purpose: a run that does not find a
# counter-example proves that the harness cannot find anything.

from collections.abc import Iterable

from ._run import require


def seeds() -> Iterable[bytes]:
    return [b"an input without it", bytes(64)]


def check(data: bytes) -> None:
    require(b"\xff" not in data, "0xff occurs")
