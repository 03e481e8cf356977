"""A scope with a founder, a member and an observer, in which somebody forges."""

from engram_sync.ledger import IngestBatch
from engram_sync.membership import MemberRole
from engram_wire import (
    CloseCode,
    LogDomain,
    Superseded,
)
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica, create, engram_id

E = engram_id(1)


class World:
    """Ann founds a scope, Bob is a member, Cay watches; Ann has put two texts and an opinion."""

    def __init__(self) -> None:
        self.ann, self.bob, self.cay = Replica("ann"), Replica("bob"), Replica("cay")
        self.scope = self.ann.found()
        self.ann.admit(self.scope, self.bob.key)
        self.ann.admit(self.scope, self.cay.key, MemberRole.OBSERVER)
        self.ann.write(
            self.scope,
            create(E),
            create(engram_id(2)),
            create(E, collection="o/confidence"),
        )
        for replica in (self.bob, self.cay):
            replica.take_all(self.ann, self.scope)
        self.log = self.ann.open(self.scope)
        self.data = self.log.head
        self.members = self.ann.open(self.scope, LogDomain.MEMBERS).head

    def forger(self, who: Replica | None = None, domain: LogDomain = LogDomain.DATA) -> Forger:
        return Forger(who or self.bob, self.scope, domain)

    def take(self, forger: Forger, *signed: int) -> IngestBatch:
        frame = forger.frame(1, *signed)
        batch = self.ann.ledger.ingest_untrusted(
            forger.announcement, self.scope, frame, history=self.ann.shelf
        )
        self.ann.shelf.put(batch)
        return batch

    def refused_at(self, forger: Forger, *signed: int) -> int:
        """Where the log ended; nothing of the unsigned part before it was kept."""
        batch = self.take(forger, *signed)
        assert batch.rejection is not None
        assert batch.rejection.log == forger.id
        assert batch.rejection.code == CloseCode.INVALID_RECORD
        assert batch.seq == max([0, *(s for s in signed if s < batch.rejection.seq)])
        return batch.rejection.seq

    def dot(self, clock: int, op: int = 0) -> Superseded:
        return Superseded(op, self.log.id, clock)
