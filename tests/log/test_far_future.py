"""A clock far in the future spoils nothing for those whose clocks are right."""

from engram_crdt import hlc
from engram_sync.log import HLC_SKEW_MS
from engram_wire import LogDomain, Superseded
from tests.log.forger import Forger
from tests.log.replica import NOW_MS, Replica, create, engram_id, update

FAR = (NOW_MS + 10 * 365 * 86_400_000) << 16


class Poisoned:
    """Cay has written; Bob then writes from ten years ahead, with everything in his past."""

    def __init__(self) -> None:
        self.ann, self.bob, self.cay = Replica("ann"), Replica("bob"), Replica("cay")
        self.scope = self.ann.found()
        self.ann.admit(self.scope, self.bob.key)
        self.ann.admit(self.scope, self.cay.key)
        for replica in (self.bob, self.cay):
            replica.take_all(self.ann, self.scope)
        self.cay.write(self.scope, create(engram_id(1)), create(engram_id(2)))
        self.bob.take_all(self.cay, self.scope)
        self.cays = self.cay.open(self.scope)
        self.ann.take(self.cays, self.cay.frame(self.cays))

    def poison(self, forger: Forger, *signed: int) -> None:
        batch = self.ann.ledger.ingest_untrusted(
            forger.announcement, self.scope, forger.frame(1, *signed), history=self.ann.shelf
        )
        assert batch.rejection is None
        self.ann.shelf.put(batch)


def test_what_a_record_from_the_future_has_seen_can_still_be_replaced() -> None:
    world = Poisoned()
    far = Forger(world.bob, world.scope)
    world.poison(far.add("r/content", engram=engram_id(9), deps=[world.cays.head], hlc=FAR))
    draft = update(engram_id(1), Superseded(0, world.cays.id, 0))
    batch = world.ann.write(world.scope, draft)
    assert batch.hlc <= hlc.pack(world.ann.now_ms + HLC_SKEW_MS, 0)
    held = world.ann.ledger.log_by_id(world.scope, world.cays.id)
    assert held is not None
    assert batch.log.past.seen[held.n] == 2


def test_what_an_author_wrote_before_its_clock_went_wrong_can_still_be_replaced() -> None:
    world = Poisoned()
    far = Forger(world.bob, world.scope)
    far.add("r/content", engram=engram_id(8))
    far.add("r/content", engram=engram_id(7))
    far.add("r/content", engram=engram_id(9), hlc=FAR)
    world.poison(far, 2)
    world.ann.now_ms = NOW_MS + 20_000
    batch = world.ann.write(world.scope, update(engram_id(8), Superseded(0, far.id, 0)))
    assert batch.hlc < FAR
    held = world.ann.ledger.log_by_id(world.scope, far.id)
    assert held is not None
    assert batch.log.past.seen[held.n] == 2


def test_a_value_from_the_future_stays_a_sibling_of_what_replaces_the_rest() -> None:
    """Its author cannot keep everybody else from editing the memory it was put into."""
    world = Poisoned()
    far = Forger(world.bob, world.scope)
    far.add("r/content", engram=engram_id(1), deps=[world.cays.head], hlc=FAR)
    world.poison(far)
    seen = [Superseded(0, world.cays.id, 0), Superseded(0, far.id, 0)]
    batch = world.ann.write(world.scope, update(engram_id(1), *seen))
    assert batch.hlc < FAR
    # Every other node agrees that it is valid.
    other = Replica("other")
    members = world.ann.open(world.scope, LogDomain.MEMBERS)
    other.take(members, world.ann.frame(members))
    other.take(world.cays, world.cay.frame(world.cays))
    log = world.ann.open(world.scope)
    assert other.take(log, world.ann.frame(log)).rejection is None
