"""Which own log a node goes on with, and what it says again when one of them cannot go on."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from trio.testing import MockClock

from engram_sync.api import Insert
from engram_sync.ledger import Draft, LogState
from engram_sync.node import Node
from engram_sync.node.writing.refused_logs import set_aside, voids
from engram_sync.node.writing.write_path import Arrival, IngestOutcome
from engram_sync.store import Transaction
from engram_sync.testing import Cluster, converged, until
from engram_wire import (
    DEPS_MAX,
    NO_IDS,
    SUPERSEDED_MAX,
    Announcement,
    LogDomain,
    Record,
    RecordKind,
    Rejection,
    Superseded,
    decode_frame_untrusted,
    decode_superseded_untrusted,
    encode_frame,
    encode_payload,
    encode_superseded,
    extend,
    payload_hash,
    shape_of,
    sign_head,
)
from engram_wire.cbor import encode

from .views import contents

DAY_MS = 86_400_000
LOGS = 400


def written_elsewhere(node: Node, kinds: Sequence[int]) -> tuple[Announcement, bytes]:
    """A frame that goes on with the node's live log, as another copy of it would write it."""
    core = node._core
    (log,) = [
        log
        for log in core.path.own.live()
        if log.scope == core.facts.agent_scope and log.domain == LogDomain.DATA
    ]
    head, records = log.head, list[Record]()
    for number, kind in enumerate(kinds, 1):
        payload = encode_payload(bytes(16), [b"\x61x"])
        never_there = encode_superseded([Superseded(0, None, 999)], kind=1)
        record = Record(
            log.seq + number,
            b"e" * 16,
            log.hlc + number,
            shape_of(kind, ["r/content"]),
            never_there if kind == RecordKind.UPDATE else b"\x80",
            payload,
            payload_hash(payload),
            NO_IDS,
            b"\xf6",
            marked=True,
        )
        head = extend(head, record)
        records.append(record)
    signature = sign_head(core.key.secret, head)
    frame = encode_frame(0, records, [(records[-1].seq, signature)])
    return Announcement(0, log.domain, log.author, log.incarnation, None), frame


async def receive(node: Node, announcement: Announcement, frame: bytes) -> IngestOutcome:
    core = node._core
    arrival = Arrival(core.facts.agent_scope, announcement, decode_frame_untrusted(frame))
    return await core.write(lambda tx: core.path.ingest(tx, [arrival]))


async def test_a_log_of_which_an_invalid_record_comes_back_signed_is_never_continued(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """Nobody else has the key: another copy of this node writes, if badly."""
    async with cluster.open("a", online=False) as a:
        await a.remember("before")
        scope = a._core.facts.agent_scope
        before = a._core.path.own_log(scope).id
        intake = await receive(a, *written_elsewhere(a, [RecordKind.UPDATE]))
        assert intake.taken[0].rejected
        assert a._core.path.own_log(scope).id != before
        assert "another copy" in " ".join((await a.status()).problems)
        await a.remember("after")
        assert await contents(a) == ["after", "before"]


async def test_a_log_that_somebody_else_went_on_with_is_never_continued(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        await a.remember("before")
        scope = a._core.facts.agent_scope
        before = a._core.path.own_log(scope).id
        announcement, frame = written_elsewhere(a, [RecordKind.CREATE])
        assert not (await receive(a, announcement, frame)).taken[0].rejected
        fresh = a._core.path.own_log(scope).id
        assert fresh != before
        await a.remember("after")
        await receive(a, replace(announcement, ref=0), frame)
        assert a._core.path.own_log(scope).id == fresh, "nothing new came"


async def many_logs(node: Node, count: int) -> list[LogState]:
    """Own logs of one record each, as so many crashes at once would leave them."""
    core, scope = node._core, node._core.facts.agent_scope

    def job(tx: Transaction) -> list[LogState]:
        logs = list[LogState]()
        for number in range(count):
            log = core.path.own.begin(scope, LogDomain.DATA)
            engram = (number + 1).to_bytes(16, "big")
            put = ("r/content", encode(f"memory {number}"))
            core.path.write_alone(tx, log, [Draft(RecordKind.CREATE, engram, (put,))], ())
            logs.append(log)
        return logs

    return await core.write(job)


async def named_by(node: Node, log: LogState, kind: int) -> list[int]:
    """How many logs each record of a kind names in a log."""
    records = await node._core.read(lambda reader: list(reader.records(log.n, 1, log.seq)))
    return [
        len(decode_superseded_untrusted(record.superseded, kind=kind, puts=0))
        for record in records
        if record.shape[0] == kind
    ]


@pytest.mark.slow
async def test_more_logs_than_one_record_may_name_are_sealed_in_several(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        path, scope = a._core.path, a._core.facts.agent_scope
        await many_logs(a, LOGS)
        path.own.begin(scope, LogDomain.DATA)
        await a.remember("after")
        log = path.own_log(scope)
        assert await named_by(a, log, RecordKind.SEAL) == [
            DEPS_MAX,
            SUPERSEDED_MAX,
            LOGS - DEPS_MAX - SUPERSEDED_MAX,
        ]
        await converged(a, b)
        assert len(await b.list(limit=2 * LOGS)) == LOGS + 1
        for node in (a, b):
            assert node._core.path.ledger.sealed_summary(scope)[0] == LOGS


@pytest.mark.slow
async def test_more_logs_than_one_record_may_name_are_void_in_several(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """A log that voids many is refused: the one that goes on voids all of them again."""
    async with cluster.nodes() as (a, b):
        core, scope = a._core, a._core.facts.agent_scope
        logs = await many_logs(a, LOGS)
        begun = core.path.own.begin(scope, LogDomain.DATA)
        ends = {log.id: (0, b"") for log in logs}
        await core.write(lambda tx: core.path.write_alone(tx, begun, voids(ends), ()))
        assert await named_by(a, begun, RecordKind.VOID) == [SUPERSEDED_MAX, LOGS - SUPERSEDED_MAX]
        refused = Rejection(log=begun.id, seq=1, code=7)
        assert await core.write(
            lambda tx: set_aside(core.path, tx, scope=scope, rejection=refused, now_ms=DAY_MS)
        )
        counted = [await named_by(a, log, RecordKind.VOID) for log in core.path.ledger.logs(scope)]
        assert [SUPERSEDED_MAX, LOGS + 2 - SUPERSEDED_MAX] in counted
        await a.remember("after")
        await converged(a, b)
        assert await contents(b) == await contents(a) == ["after"]


async def counts(total: int, engram: str, *nodes: Node) -> bool:
    return all([(await node.get(engram)).counters == {"seen": total} for node in nodes])


async def test_a_counter_counts_on_when_the_clock_was_set_back(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("counted", counters={"seen": 3})
        await converged(a, b)
        cluster.clocks["a"].skew_ms = DAY_MS
        await a.update(e.id, count={"seen": 4})
        assert (await a.get(e.id)).counters == {"seen": 7}
        cluster.clocks["a"].skew_ms = 0
        await a.update(e.id, count={"seen": 10})
        await until(lambda: counts(17, e.id, a, b))
        cluster.clocks["a"].skew_ms = cluster.clocks["b"].skew_ms = 2 * DAY_MS
        await a.update(e.id, count={"seen": 1})
        await until(lambda: counts(18, e.id, a, b))


async def test_a_text_replaced_after_the_clock_was_set_back_is_the_text(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        e = await a.remember("first text", collaborative=True)
        cluster.clocks["a"].skew_ms = DAY_MS
        await a.remember("a day ahead")
        cluster.clocks["a"].skew_ms = 0
        await a.update(e.id, content="second text")
        assert (await a.get(e.id)).content == "second text"
        await a.update(e.id, edits=[Insert(0, "the ")])
        assert (await a.get(e.id)).content == "the second text"
