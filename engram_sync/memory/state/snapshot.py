"""What reading takes: one state of the store, whose logs these are, and how to read by them."""

from dataclasses import dataclass, field
from typing import NamedTuple

from engram_crdt import StrategyRegistry
from engram_sync.config import StrategiesConfig
from engram_sync.model.ids import node_text
from engram_sync.store import Reader

from .log_directory import LogDirectory


@dataclass(frozen=True, slots=True)
class Strategies:
    """The strategies by which a node reads."""

    config: StrategiesConfig = field(default_factory=StrategiesConfig)
    """What the owner of the node chose; by default everything stands side by side."""
    registry: StrategyRegistry = field(default_factory=StrategyRegistry)
    """What can be chosen: the built-in strategies and the program's own."""


MVR = Strategies()
"""Everything stands side by side, and the newest value is shown."""


class Snapshot(NamedTuple):
    """All that an answer is made of; whatever reads takes this, and what writes a transaction.

    It is valid for as long as the job of the store that made it: the writer makes one of its own
    transaction, which shows what it has written so far.
    """

    reader: Reader
    """The store, in one state."""
    logs: LogDirectory
    """Who wrote which log, and what references mean."""
    strategies: Strategies = MVR
    """By which fields are read that hold several values."""

    def log_id(self, n: int) -> bytes:
        """The id of the log with this number in the store."""
        return self.logs.log_id(self.reader, n)

    def log_number(self, log: bytes) -> int:
        """The number in the store of the log with this id."""
        return self.logs.log_number(self.reader, log)

    def named_author(self, scope: bytes, log: bytes) -> tuple[str, str]:
        """The node that signs a log, and its display name in a scope, for people to read."""
        key = self.logs.author(self.reader, log)
        return node_text(key), self.logs.label(scope, key)
