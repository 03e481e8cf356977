"""How much each writer may bring in, and how much it has brought.

A quota only delays: what a writer sends beyond it waits where it arrived, in order, until the
writer may go on.  Nothing is refused for it, so that no log ends and none is told in two ways, and
what others wrote goes past what waits.  Everything is counted for whoever signed it; what proves
nothing is counted for whoever sent it, so that nobody uses up the quota of somebody else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engram_sync.node.limits import (
    READ_SLOW_S,
    READ_WAIT_FACTOR,
    TURN_WORK_BURST_S,
    TURN_WORK_PER_S,
    WRITER_BYTES_BURST,
    WRITER_BYTES_PER_S,
    WRITER_RECORDS_BURST,
    WRITER_RECORDS_PER_S,
    WRITER_WORK_BURST_S,
    WRITER_WORK_PER_S,
)


@dataclass(slots=True)
class _Bucket:
    """Fills with time up to a burst, and is emptied by use, below nothing if need be."""

    burst: float
    per_s: float
    level: float
    at: float

    def use(self, amount: float, now: float) -> None:
        self.level = min(self.burst, self.level + (now - self.at) * self.per_s) - amount
        self.at = now

    def ready_at(self) -> float:
        """When it holds anything."""
        return self.at if self.level > 0 else self.at - self.level / self.per_s


@dataclass(slots=True)
class WriterUsage:
    """What one writer brought in since the node was opened, and when it may bring more."""

    records: int = 0
    record_bytes: int = 0
    work_s: float = 0.0
    """Time of the store's writer."""
    ready_at: float = 0.0
    """When the next frame of it may be taken."""
    turn_at: float = 0.0
    """From when on it goes before others again that use the writer less."""
    _buckets: tuple[_Bucket, ...] = ()
    _turns: _Bucket = field(default_factory=lambda: _Bucket(0, 1, 0, 0))

    @classmethod
    def opened(cls, now: float) -> "WriterUsage":
        """An account of which nothing is used."""
        limits = (
            (WRITER_RECORDS_BURST, WRITER_RECORDS_PER_S),
            (WRITER_BYTES_BURST, WRITER_BYTES_PER_S),
            (WRITER_WORK_BURST_S, WRITER_WORK_PER_S),
        )
        buckets = tuple(_Bucket(burst, per_s, burst, now) for burst, per_s in limits)
        turns = _Bucket(TURN_WORK_BURST_S, TURN_WORK_PER_S, TURN_WORK_BURST_S, now)
        return cls(_buckets=buckets, _turns=turns)

    def charge(self, records: int, record_bytes: int, work_s: float, now: float) -> None:
        """Count what was taken."""
        self.records += records
        self.record_bytes += record_bytes
        self.work_s += work_s
        for bucket, amount in zip(self._buckets, (records, record_bytes, work_s), strict=True):
            bucket.use(amount, now)
        self._turns.use(work_s, now)
        self.ready_at = max(bucket.ready_at() for bucket in self._buckets)
        self.turn_at = self._turns.ready_at()


_NOTHING = WriterUsage()


class Quotas:
    """The accounts of all writers at one node.

    Args:
        own: This node's key, whose records are never delayed: they are its own past.
    """

    def __init__(self, own: bytes) -> None:
        self._own = own
        self._accounts: dict[bytes, WriterUsage] = {}
        self._reading: dict[bytes, float] = {}

    @property
    def accounts(self) -> Mapping[bytes, WriterUsage]:
        """By key, everybody who brought something in since the node was opened."""
        return self._accounts

    def of(self, key: bytes) -> WriterUsage:
        """The account of a writer, for reading only."""
        return self._accounts.get(key, _NOTHING) if key != self._own else _NOTHING

    def charge(
        self, key: bytes, *, records: int, record_bytes: int, work_s: float, now: float
    ) -> None:
        """Count what was taken of a writer."""
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = WriterUsage.opened(now)
        account.charge(records, record_bytes, work_s, now)

    # -- reading -----------------------------------------------------------------------------

    def read(self, peer: bytes, work_s: float, now: float) -> None:
        """Count the time that it took to read one message of a peer.

        No honest message takes long; whoever sends such as do waits for the others, on whichever
        connection it comes next.
        """
        if work_s > READ_SLOW_S:
            # Keys cost nothing: of whom nothing is left to wait for, nothing is kept.
            self._reading = {key: at for key, at in self._reading.items() if at > now}
            self._reading[peer] = max(now, self._reading.get(peer, now)) + (
                READ_WAIT_FACTOR * work_s
            )

    def read_at(self, peer: bytes, now: float) -> float:
        """When the next message of a peer is to be read; not later than now for almost all."""
        return max(now, self._reading.get(peer, now))
