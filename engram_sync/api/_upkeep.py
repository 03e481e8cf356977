"""What looking after a store found and did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Saving:
    """What a compaction saves, or would save."""

    payloads: int
    """Payloads of values that nothing shows any more and that are old enough to go."""
    payload_bytes: int
    runs: int
    """Signatures that a later one of the same log makes redundant."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing ``doctor`` looked at."""

    name: str
    ok: bool
    detail: str = ""
    """What was found; what to do about it when it is not ok."""
    damaged: bool = False
    """Whether something stored is not what it must be; ``ok`` is False then."""


@dataclass(frozen=True, slots=True)
class Doctor:
    """What ``doctor`` found."""

    healthy: bool
    """Whether every check is ok."""
    checks: tuple[Check, ...]
    saving: Saving
    """What ``compact`` would save now."""
    store_bytes: int
    """Size of the store with its write-ahead log."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What ``compact`` did."""

    saved: Saving
    store_bytes_before: int
    store_bytes_after: int
