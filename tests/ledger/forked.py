"""A scope in which Bob has two histories."""

from engram_sync.ledger import IngestBatch, LogState
from engram_wire import Frame
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica, engram_id
from tests.ledger.world import World


class Fork:
    """Bob wrote 1 to 3 in one commit each, then 4 to 6 twice; Ann and Cay hear of it."""

    def __init__(self) -> None:
        self.world = World()
        self.scope = self.world.scope
        self.ann, self.cay = self.world.ann, self.world.cay
        self.one = self.world.forger()
        for number in range(3):
            self.one.add("r/content", engram=engram_id(50 + number))
        self.two = self.one.fork(3)
        for _ in range(3):
            self.one.add("r/content", engram=engram_id(60))
            self.two.add("r/content", engram=engram_id(60), hlc=self.one.records[-1].hlc + 7)

    def give(self, who: Replica, forger: Forger, frame: Frame) -> IngestBatch:
        batch = who.ledger.ingest_untrusted(
            forger.announcement, self.scope, frame, history=who.shelf
        )
        who.shelf.put(batch)
        return batch

    def log(self, who: Replica, name: bytes) -> LogState:
        log = who.ledger.log_by_id(self.scope, name)
        assert log is not None
        return log
