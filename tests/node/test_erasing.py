"""Much is erased in portions, between which others write, and confirmed once it is gone."""

from collections.abc import Callable
from itertools import count

import pytest
from trio.testing import MockClock

from engram_sync.node import Node
from engram_sync.node.limits import ERASE_WEIGHT
from engram_sync.node.writing.write_path import Arrival, IngestOutcome, arrival_untrusted
from engram_sync.store import Transaction
from engram_sync.testing import Cluster
from engram_wire import RecordKind, Superseded, decode_frame_untrusted, encode_frame, sign_head
from tests.hostile._forge import Forged, new_engram

from .speaker import Speaker
from .test_dividing import erasing, held, history, of, take

pytestmark = pytest.mark.slow

TEXT = "a secret"
MANY = 2 * ERASE_WEIGHT + 20
RUN = 256


async def one_step(
    node: Node, arrival: Arrival, after: Callable[[], object] = lambda: None
) -> IngestOutcome:
    """Take what one job may while others wait, as if every look at the clock took a second."""
    core, seconds = node._core, count()

    def job(tx: Transaction) -> IngestOutcome:
        intake = core.path.ingest(
            tx, [arrival], work_s=lambda: float(next(seconds)), others_wait=lambda: True
        )
        after()
        return intake

    return await core.write(job)


class Erased:
    """A memory that somebody wrote many versions of, and the frame that erases all of them."""

    def __init__(self, node: Node, author: Speaker) -> None:
        self.node = node
        self.log = history(node, author, *[TEXT] * MANY)
        self.engram = self.log.records[0].engram

    async def brought(self) -> Arrival:
        for first in range(1, MANY + 1, RUN):
            await take(self.node, of(self.log, first, min(first + RUN - 1, MANY)))
        erasing(self.log, self.engram, *range(1, MANY + 1))
        announcement, frame = of(self.log, MANY + 1, MANY + 1)
        scope = self.node._core.facts.agent_scope
        return Arrival(scope, announcement, decode_frame_untrusted(frame))

    async def step(
        self, arrival: Arrival, after: Callable[[], object] = lambda: None
    ) -> IngestOutcome:
        return await one_step(self.node, arrival, after)

    async def confirmed(self) -> bool:
        """Whether the node says that it is gone; if so, it is, and nothing finds it."""
        core, left = self.node._core, await held(self.node, TEXT)
        number = core.scopes[core.facts.agent_scope].number
        open_erasures = await core.store.read(
            lambda r: r.open_erasures(number, frozenset((bytes(32),)), 9)
        )
        if open_erasures[1]:
            assert left == 0
            assert not [hit for hit in await self.node.recall("secret") if TEXT in str(hit)]
        return open_erasures[1] > 0


async def test_much_is_erased_in_steps_and_confirmed_at_the_end(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        erased = Erased(a, rogue)
        arrival = await erased.brought()
        left, steps = await held(a, TEXT), 0
        assert left == MANY
        while not (await erased.step(arrival)).taken:
            before, left, steps = left, await held(a, TEXT), steps + 1
            assert before - left <= ERASE_WEIGHT // 2
            await a.remember(f"something else {steps}")
            assert not await erased.confirmed()
        assert steps > MANY // (ERASE_WEIGHT // 2)
        assert await erased.confirmed()
        assert (await a.doctor()).healthy


@pytest.mark.parametrize("whole_steps", [0, 6, 8])
async def test_what_a_failed_job_erased_is_erased_by_the_next(
    whole_steps: int, cluster: Cluster, autojump_clock: MockClock
) -> None:
    def fail() -> None:
        raise RuntimeError("the disk is full")

    async with cluster.open("a") as a:
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        erased = Erased(a, rogue)
        arrival = await erased.brought()
        for _ in range(whole_steps):
            assert not (await erased.step(arrival)).taken
        left = await held(a, TEXT)
        with pytest.raises(RuntimeError):
            await erased.step(arrival, fail)
        assert await held(a, TEXT) == left
        while not (await erased.step(arrival)).taken:
            assert not await erased.confirmed()
        assert await erased.confirmed()


async def test_an_erasure_that_was_left_half_done_is_done_when_it_comes_again(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        erased = Erased(a, rogue)
        arrival = await erased.brought()
        while await held(a, TEXT) == MANY:
            assert not (await erased.step(arrival)).taken
    async with cluster.open("a") as a:
        erased.node = a
        assert not await erased.confirmed()
        assert (await a.doctor()).healthy
        again = Arrival(arrival.scope, arrival.announcement, arrival.frame)
        while not (await erased.step(again)).taken:
            pass
        assert await erased.confirmed()
        assert (await a.doctor()).healthy


async def test_records_of_many_values_are_erased_in_smaller_steps(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        core = a._core
        scope = core.facts.agent_scope
        heads = core.path.charters.of(scope).auth(rogue.identity.public_key)
        log, engram = Forged(scope, rogue.identity, heads), new_engram()
        for number in range(8):
            log.add(engram, [("s/tags", f"{TEXT} {number} {n}") for n in range(ERASE_WEIGHT)])
        seqs = range(1, len(log.records) + 1)
        arrival = log.arrival()
        assert (await core.write(lambda tx: core.path.ingest(tx, [arrival]))).taken
        log.add(engram, kind=RecordKind.ERASE, superseded=[Superseded(0, None, n) for n in seqs])
        frame = encode_frame(
            1, log.records[-1:], [(9, sign_head(log.author.secret_key, log.heads[9]))]
        )
        arrival = arrival_untrusted(scope, {1: log.announcement(1)}, frame)
        left = await held(a, TEXT)
        while not (await one_step(a, arrival)).taken:
            before, left = left, await held(a, TEXT)
            assert before - left <= 1
        assert left == 0
        assert not [check for check in (await a.doctor()).checks if check.damaged]
