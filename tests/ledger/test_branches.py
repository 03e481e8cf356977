"""A forked history is the same everywhere, whoever saw which branch first.

# Invariant: replicas that hold the same records agree on every name, clock, digest and past, and
# on what every record refers to, which is what its author saw; rolling back leaves no trace.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.crowd import Crowd


@pytest.mark.slow
@settings(max_examples=12)
@given(st.integers(0, 2**32))
def test_everybody_reads_a_forked_history_alike(seed: int) -> None:
    crowd = Crowd(random.Random(seed))
    crowd.begin()
    crowd.run(60)
    crowd.settle()
    first, *others = crowd.honest
    newcomers = [crowd.newcomer(first) for _ in range(2)]
    for other in [*others, *newcomers]:
        assert other.facts(crowd.scope) == first.facts(crowd.scope)
        assert not list(other.ledger.refused())
    for replica in [first, *newcomers]:
        read = crowd.read(replica)
        assert read == {head: crowd.meant[head] for head in read}
        assert replica.reopened().state(crowd.scope) == replica.state(crowd.scope)
