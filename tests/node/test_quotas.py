"""Writers beyond their quota wait, and nobody waits for them."""

import itertools

import pytest
import trio
from trio.testing import MockClock

from engram_sync.api import WriterStatus
from engram_sync.api.arguments import NewMemory
from engram_sync.node import Node
from engram_sync.node.network.inbox import Inbox, Received
from engram_sync.node.writing import quotas as _quotas
from engram_sync.node.writing.arrivals import Arrival
from engram_sync.node.writing.quotas import Quotas
from engram_sync.testing import Cluster, converged, until
from engram_wire import Announcement, Frame, SyncRequest, SyncResponse, SyncStatus

from .speaker import Log, Speaker, key_of

OWN, ANN, BOB = (bytes([n]) * 32 for n in (1, 2, 3))


def received(author: bytes, number: int = 0) -> Received:
    announcement = Announcement(0, 1, author, bytes(16))
    return Received(number, 0, Arrival(bytes(32), announcement, Frame(0, 1, [], [])), cost=10)


@pytest.fixture
def quotas(monkeypatch: pytest.MonkeyPatch) -> Quotas:
    """Ten records at once and one a second."""
    monkeypatch.setattr(_quotas, "WRITER_RECORDS_BURST", 10)
    monkeypatch.setattr(_quotas, "WRITER_RECORDS_PER_S", 1)
    return Quotas(OWN)


def wrote(quotas: Quotas, author: bytes, records: int, now: float, work_s: float = 0.0) -> None:
    quotas.charge(author, records=records, record_bytes=0, work_s=work_s, now=now)


def test_a_writer_waits_until_what_it_brought_is_within_its_quota(quotas: Quotas) -> None:
    wrote(quotas, ANN, 9, now=0)
    assert quotas.of(ANN).ready_at <= 0
    wrote(quotas, ANN, 6, now=0)
    assert quotas.of(ANN).ready_at == 5
    wrote(quotas, ANN, 1, now=20)
    assert quotas.of(ANN).ready_at <= 20
    assert quotas.of(BOB).ready_at <= 0
    assert quotas.accounts[ANN].records == 16


def test_what_this_node_wrote_itself_never_waits(quotas: Quotas) -> None:
    wrote(quotas, OWN, 1_000, now=0)
    assert quotas.of(OWN).ready_at <= 0
    assert quotas.accounts[OWN].records == 1_000


def test_others_go_past_what_waits_and_the_order_of_each_writer_is_kept(quotas: Quotas) -> None:
    inbox = Inbox(quotas)
    for number, author in enumerate((ANN, BOB, ANN, BOB)):
        inbox.add(received(author, number))
    wrote(quotas, ANN, 15, now=0)
    assert [frame.request for frame in inbox.take(16, now=0)] == [1, 3]
    assert (inbox.take(16, now=0), inbox.ready_at()) == ([], 5)
    assert inbox.waiting_of() == {ANN: 20}
    assert [frame.request for frame in inbox.take(16, now=5)] == [0, 2]
    assert (len(inbox), inbox.ready_at()) == (0, float("inf"))


def test_within_its_quota_a_writer_that_costs_much_comes_after_the_others() -> None:
    quotas = Quotas(OWN)
    inbox = Inbox(quotas)
    for number, author in enumerate((ANN, BOB)):
        inbox.add(received(author, number))
    wrote(quotas, ANN, 1, now=0, work_s=1)
    assert [frame.request for frame in inbox.take(16, now=0)] == [1]
    assert [frame.request for frame in inbox.take(16, now=0)] == [0]


def test_a_frame_that_needs_one_that_waits_goes_behind_it(quotas: Quotas) -> None:
    inbox = Inbox(quotas)
    inbox.add(received(ANN, 0))
    inbox.add(received(BOB, 1))
    wrote(quotas, ANN, 11, now=0)
    (frame,) = inbox.take(16, now=0)
    assert inbox.may_wait(frame)
    inbox.put_back([frame])
    assert inbox.take(16, now=0) == []
    (frame,) = inbox.take(16, now=1)
    assert frame.author == ANN
    inbox.progressed()
    (frame,) = inbox.take(16, now=1)
    assert frame.author == BOB
    assert inbox.may_wait(frame)
    inbox.put_back([frame])
    (frame,) = inbox.take(16, now=1)
    assert frame.arrival.alone
    assert not inbox.may_wait(frame)


def test_whoever_sends_what_is_slow_to_read_is_read_slowly_on_every_connection() -> None:
    quotas = Quotas(OWN)
    quotas.read(ANN, 0.002, now=10)
    assert quotas.read_at(ANN, now=10) == 10
    quotas.read(ANN, 0.5, now=10)
    quotas.read(ANN, 0.5, now=10)
    assert quotas.read_at(ANN, now=10) == 14
    assert quotas.read_at(ANN, now=15) == 15
    assert quotas.read_at(BOB, now=10) == 10


async def member(cluster: Cluster, node: Node, name: str) -> Speaker:
    speaker = await Speaker.dial(cluster, name=name)
    assert (await speaker.join(await node.invite())).accepted
    return speaker


async def writer(node: Node, name: str) -> WriterStatus:
    from engram_sync.model.ids import node_text

    key = node_text(key_of(name).public_key)
    return next(w for w in (await node.status()).writers if w.node == key)


async def test_status_tells_what_each_writer_brought_and_who_waits(
    cluster: Cluster, autojump_clock: MockClock, quotas: Quotas
) -> None:
    async with cluster.open("a") as a:
        rogue = await member(cluster, a, "rogue")
        request = await rogue.hear(SyncRequest)
        for number in range(1, 20):
            log = Log(a, rogue.identity, number).add(f"{number} of many")
            await rogue.say(log.response(request.request, number))
        await rogue.say(SyncResponse(request.request, SyncStatus.COMPLETE))
        await trio.sleep(0.5)
        told = await writer(a, "rogue")
        assert 10 <= told.records < 19
        assert told.waiting_bytes > 0
        assert told.delayed_s > 0
        await a.remember("the owner writes on")
        await trio.sleep(30)
        told = await writer(a, "rogue")
        assert (told.records, told.waiting_bytes, told.delayed_s) == (19, 0, 0)
        assert told.record_bytes > 0
        assert (await a.status()).forks == ()


@pytest.mark.slow
async def test_the_records_of_others_go_past_those_of_a_writer_that_waits(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over one connection, behind which both are; and then nothing is missing."""
    monkeypatch.setattr(_quotas, "WRITER_RECORDS_BURST", 10)
    monkeypatch.setattr(_quotas, "WRITER_RECORDS_PER_S", 0.1)
    async with cluster.open("a") as a:
        rogue = await member(cluster, a, "rogue")
        honest = await member(cluster, a, "honest")
        request = await rogue.hear(SyncRequest)
        logs = [Log(a, rogue.identity, n).add(f"{n} of a flood") for n in range(1, 21)]
        logs.append(Log(a, honest.identity, 99).add("of an honest one"))
        for ref, log in enumerate(logs):
            await rogue.say(log.response(request.request, ref))
        await rogue.say(SyncResponse(request.request, SyncStatus.COMPLETE))

        async def arrived() -> bool:
            return "of an honest one" in [e.content for e in await a.list(limit=100)]

        await until(arrived)
        assert (await writer(a, "rogue")).records < 20
        await until(lambda: _has(a, 21))
        assert not [problem for problem in (await a.status()).problems if "reject" in problem]


async def _has(node: Node, count: int) -> bool:
    return len(await node.list(limit=100)) == count


@pytest.mark.slow
async def test_frames_are_stored_in_slices_while_others_wait(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await a.go_offline()
        await b.remember_many([NewMemory(f"{number}") for number in range(5_000)])
        ticks = itertools.count()
        environment = a._core.environment
        object.__setattr__(environment, "work_s", lambda: float(next(ticks)))
        waited = itertools.count()

        class Waiting:
            @property
            def waiting(self) -> bool:
                next(waited)
                return True

            def __getattr__(self, name: str) -> object:
                return getattr(store, name)

        store = a._core.store
        a._core.store = Waiting()  # type: ignore[assignment]
        await a.go_online()
        await converged(a, b)
        assert next(waited) > 1
