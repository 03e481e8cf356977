"""What a custom merge must keep to, so that every replica makes the same of the same siblings."""

from collections.abc import Callable, Iterable
from enum import Enum
from itertools import chain, islice, product
from typing import Final

Merge = Callable[[bytes, bytes], bytes]
"""Makes one encoded value of two.  To refuse them it raises one of ``REFUSALS``."""

REFUSALS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a merge raises for values that are none of its kind: peers may put anything."""

STATES_MAX: Final = 24
"""States that are tried in all triples: 13,824 of them take a tenth of a second."""

GENERATED_STATES: Final = (
    b"\x00",
    b"\x01",
    b"\x17",
    b"\x18\x64",
    b"\x20",
    b"\x38\x63",
    b"\xf4",
    b"\xf5",
    b"\xf6",
    b"\xf9\x00\x00",
    b"\xf9\x3c\x00",
    b"\xfb\x3f\xb9\x99\x99\x99\x99\x99\x9a",
    b"\x60",
    b"\x61\x61",
    b"\x61\x62",
    b"\x62\x61\x62",
    b"\x41\x00",
    b"\x81\x01",
    b"\x81\x02",
    b"\x82\x01\x02",
    b"\x82\x02\x01",
    b"\xa0",
    b"\xa1\x61\x61\x01",
    b"\xa1\x61\x61\x02",
)
"""Numbers, truths, texts, bytes, arrays and maps, encoded: what a value may be."""


class Law(Enum):
    """A law that a merge must keep."""

    DETERMINISTIC = "merge(a, b) is the same every time"
    IDEMPOTENT = "merge(a, a) is a"
    COMMUTATIVE = "merge(a, b) is merge(b, a)"
    ASSOCIATIVE = "merge(merge(a, b), c) is merge(a, merge(b, c))"


class CounterExample(Exception):
    """A merge breaks a law.

    Args:
        law: The law.
        states: The encoded values that show it.
        left: One side of the law for them; None where the merge refuses.
        right: The other side.
    """

    def __init__(
        self, law: Law, states: tuple[bytes, ...], left: bytes | None, right: bytes | None
    ) -> None:
        self.law, self.states, self.left, self.right = law, states, left, right
        values = ", ".join(state.hex() for state in states)
        sides = " and ".join("a refusal" if s is None else s.hex() for s in (left, right))
        super().__init__(f"{law.value}: not for {values}, which give {sides}")


def check_merge(merge: Merge, states: Iterable[bytes] = GENERATED_STATES) -> None:
    """Try a merge on states and on what it makes of them.

    A refusal counts as a result: whoever refuses two values must refuse them in any order.
    No number of states is a proof; one counter-example is.

    Args:
        merge: What to try.
        states: Encoded values, the first 24 of them; without any, values of every type.

    Raises:
        CounterExample: A law is broken.
    """
    given = list(dict.fromkeys(islice(states, STATES_MAX)))
    for one in given:
        _expect(Law.IDEMPOTENT, (one,), attempt(merge, one, one), one, refusal=True)
    made = [_pair(merge, one, two) for one, two in product(given, given)]
    held = (state for state in chain(given, made) if state is not None)
    pool = list(islice(dict.fromkeys(held), STATES_MAX))
    for a, b, c in product(pool, repeat=3):
        left = attempt(merge, attempt(merge, a, b), c)
        right = attempt(merge, a, attempt(merge, b, c))
        _expect(Law.ASSOCIATIVE, (a, b, c), left, right)


def attempt(merge: Merge, one: bytes | None, two: bytes | None) -> bytes | None:
    """Merge two values; None when either is a refusal or the merge refuses."""
    if one is None or two is None:
        return None
    try:
        return merge(one, two)
    except REFUSALS:
        return None


def _pair(merge: Merge, one: bytes, two: bytes) -> bytes | None:
    made = attempt(merge, one, two)
    _expect(Law.DETERMINISTIC, (one, two), made, attempt(merge, one, two))
    _expect(Law.COMMUTATIVE, (one, two), made, attempt(merge, two, one))
    return made


def _expect(
    law: Law,
    states: tuple[bytes, ...],
    left: bytes | None,
    right: bytes | None,
    *,
    refusal: bool = False,
) -> None:
    if left != right and not (refusal and left is None):
        raise CounterExample(law, states, left, right)
