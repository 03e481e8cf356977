"""The records that every benchmark uses: eight fields, about 450 bytes as CBOR.

The text is 42 words from a small vocabulary, so compression and full-text search look better here
than on real prose; benchmarks that depend on it say so.
"""

import random
from typing import NamedTuple

WORDS = (
    "agent memory shares dark theme user wants deploy pipeline staging cluster this project keeps "
    "replica over socket under signed frame recall check budget ahead calling service secret moved "
    "on friday standup notes summary customer needs invoice export repair flaky test inside parser "
    "cache expiry retry backoff timezone lisbon language german prefers brief replies repository "
    "branch trunk release candidate waiting for review latency target p99 index vector embedding "
    "recall episodic semantic procedural tool call failed after timeout"
).split()
KINDS = ("fact", "episode", "procedure", "preference")
EPOCH_MS = 1_760_000_000_000


class Sample(NamedTuple):
    """One benchmark memory."""

    key: str
    kind: str
    text: str
    tags: tuple[str, ...]
    source: str
    created_ms: int
    confidence: float
    uses: int


def sample(index: int) -> Sample:
    """The ``index``-th memory; the same in every process."""
    rnd = random.Random(index)  # Reproducible input, not a secret.
    return Sample(
        key=f"{rnd.getrandbits(64):016x}",
        kind=rnd.choice(KINDS),
        text=" ".join(rnd.choice(WORDS) for _ in range(42)),
        tags=tuple(rnd.choice(WORDS) for _ in range(4)),
        source=f"agent://{rnd.getrandbits(32):08x}/session/{rnd.getrandbits(16):04x}",
        created_ms=EPOCH_MS + index,
        confidence=round(rnd.random(), 3),
        uses=rnd.randrange(100),
    )
