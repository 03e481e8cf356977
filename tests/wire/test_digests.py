"""Digests of positions: equal for equal sets, and for nothing else."""

from collections.abc import Callable
from functools import partial
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    EMPTY_SEALED,
    NOTHING_SEALED,
    ClockEntry,
    branch_id,
    clock_digest,
    keyed_hash,
    range_fingerprint,
    sealed_digest,
    sealed_sum,
    sealed_term,
)

A, B = ClockEntry(b"a" * 32, 1, b"h" * 32), ClockEntry(b"b" * 32, 2, b"h" * 32)
CHANGED = [ClockEntry(b"b" * 32, 3, b"h" * 32), ClockEntry(b"b" * 32, 2, b"i" * 32)]
SESSION = b"S" * 32
ids32 = st.binary(min_size=32, max_size=32)
entries = st.dictionaries(ids32, st.tuples(st.integers(1, 2**40 - 1), ids32), max_size=8).map(
    lambda logs: [ClockEntry(log, *place) for log, place in logs.items()]
)


def test_a_digest_does_not_depend_on_order_and_does_on_every_entry() -> None:
    digests: list[Callable[[list[ClockEntry]], bytes]] = [
        clock_digest,
        sealed_digest,
        partial(range_fingerprint, SESSION),
    ]
    for digest in digests:
        assert digest([A, B]) == digest([B, A])
        others = [digest([A, other]) for other in [B, *CHANGED]]
        assert len({*others, digest([A]), digest([])}) == 5


def test_sealed_logs_are_part_of_the_clock_but_not_the_same_as_others() -> None:
    whole = {
        clock_digest([A, B]),
        clock_digest([A], sealed_digest([B])),
        clock_digest([], sealed_digest([A, B])),
        clock_digest([A]),
    }
    assert len(whole) == 4
    assert clock_digest([A], EMPTY_SEALED) == clock_digest([A])
    assert (0, sealed_digest([])) == NOTHING_SEALED


def test_a_fingerprint_is_good_for_one_session() -> None:
    assert len(range_fingerprint(SESSION, [A])) == 16
    assert range_fingerprint(SESSION, [A]) != range_fingerprint(b"T" * 32, [A])


@given(entries)
def test_a_fingerprint_is_the_sum_that_the_specification_names(items: list[ClockEntry]) -> None:
    def term(item: ClockEntry) -> int:
        data = SESSION + item.log + item.seq.to_bytes(8, "big") + item.head
        return int.from_bytes(keyed_hash(b"engram range", data), "big")

    total = sum(map(term, items)) % 2**256
    whole = total.to_bytes(32, "big") + len(items).to_bytes(8, "big")
    assert range_fingerprint(SESSION, items) == keyed_hash(b"engram range", whole)[:16]


def test_branches_of_one_log_have_names_of_their_own() -> None:
    one, other = b"1" * 32, b"2" * 32
    assert len({branch_id(one), branch_id(other), one, other}) == 4
    assert branch_id(one) == keyed_hash(b"engram branch", one)


def test_a_log_that_is_sealed_adds_its_term_and_takes_it_away_again() -> None:
    """One more of any number costs one hash."""
    total = sealed_term(A) + sealed_term(B)
    assert sealed_sum(total) == sealed_digest([B, A])
    assert sealed_sum(total - sealed_term(A)) == sealed_digest([B])
    assert sealed_sum(0) == bytes(32) == sealed_digest([])
    data = A.log + A.seq.to_bytes(8, "big") + A.head
    expected = blake2b(data, digest_size=32, person=b"engram sealed").digest()
    assert sealed_digest([A]) == expected
