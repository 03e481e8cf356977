"""Claims about claims: what a store compares says the same as all elements together."""

import random
from itertools import groupby

import pytest

from engram_crdt import Dot, Element
from engram_sync.model.claims import claims_of, conflict_bits, is_tombstone, life_from
from engram_sync.model.conflicts import bits
from engram_sync.model.life import life_number
from engram_wire.cbor import Encodable, encode


def _values(rng: random.Random) -> tuple[str, Encodable]:
    word = rng.choice("ab")
    candidates: list[tuple[str, Encodable]] = [
        ("r/title", word),
        ("r/life", [rng.choice(["active", "archived", "deleted"]), ""]),
        ("m/meta", [word, rng.choice([1, 2])]),
        ("b/belief", ["s", "r", word, rng.choice([True, False]), 1.0]),
        ("l/events", [bytes(7) + word.encode(), 0, 0, 0, {"key": rng.choice("kl")}]),
        ("l/events", word),
        ("k/skill", [word.encode() * 8, [], {"name": word}]),
        ("s/tags", word),
        ("c/count", 1),
        ("o/confidence", 0.5),
    ]
    return rng.choice(candidates)


def _elements(rng: random.Random) -> list[Element]:
    made: list[Element] = []
    for clock in range(rng.randint(0, 5)):
        collection, value = _values(rng)
        held = None if rng.random() < 0.15 else encode(value)
        dot = Dot(rng.choice([b"L", b"M"]) * 32, clock)
        payload_hash = rng.choice([b"p", b"q"]) * 32
        made.append(Element(collection, dot, rng.randint(1, 3), held, payload_hash, clock))
    return sorted(made)


@pytest.mark.parametrize("seed", range(40))
def test_conflicts_and_life_follow_from_groups_as_they_do_from_elements(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(100):
        elements = _elements(rng)
        claims = [claims_of(element) for element in elements]
        said = sorted(
            {(c.group, c.value) for c in claims if c.group is not None and c.value is not None}
            | {
                (c.group2, c.value2)
                for c in claims
                if c.group2 is not None and c.value2 is not None
            }
        )
        contested = {g[0] for g, values in groupby(said, key=lambda s: s[0]) if len([*values]) > 1}
        live, dead = len(elements), sum(is_tombstone(c.life) for c in claims)
        found = conflict_bits(contested, live=live, dead=dead, orphans=False)
        assert found == bits(elements)
        heaviest = max((c.life for c in claims if c.life is not None), default=None)
        assert life_from(heaviest, live=live) == life_number(elements)
