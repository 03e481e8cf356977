"""Which own log a node goes on with, and what it says again when one of them cannot go on."""

from collections.abc import Sequence
from dataclasses import replace

from trio.testing import MockClock

from engram_sync.node import Node
from engram_sync.node._write_path import Arrival, Intake
from engram_sync.results import Insert
from engram_wire import (
    NO_IDS,
    Announcement,
    LogDomain,
    Record,
    RecordKind,
    Superseded,
    decode_frame_untrusted,
    encode_frame,
    encode_payload,
    encode_superseded,
    extend,
    payload_hash,
    shape_of,
    sign_head,
)

from .village import Village, agreement, contents, until

DAY_MS = 86_400_000


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


async def receive(node: Node, announcement: Announcement, frame: bytes) -> Intake:
    core = node._core
    arrival = Arrival(core.facts.agent_scope, announcement, decode_frame_untrusted(frame))
    return await core.write(lambda tx: core.path.ingest(tx, [arrival]))


async def test_a_log_of_which_an_invalid_record_comes_back_signed_is_never_continued(
    village: Village, autojump_clock: MockClock
) -> None:
    """Nobody else has the key: another copy of this node writes, if badly."""
    async with village.open("a", online=False) as a:
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
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.open("a", online=False) as a:
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


async def counts(total: int, engram: str, *nodes: Node) -> bool:
    return all([(await node.get(engram)).counters == {"seen": total} for node in nodes])


async def test_a_counter_counts_on_when_the_clock_was_set_back(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        e = await a.remember("counted", counters={"seen": 3})
        await agreement(a, b)
        village.clocks["a"].offset_ms = DAY_MS
        await a.update(e.id, count={"seen": 4})
        assert (await a.get(e.id)).counters == {"seen": 7}
        village.clocks["a"].offset_ms = 0
        await a.update(e.id, count={"seen": 10})
        await until(lambda: counts(17, e.id, a, b))
        village.clocks["a"].offset_ms = village.clocks["b"].offset_ms = 2 * DAY_MS
        await a.update(e.id, count={"seen": 1})
        await until(lambda: counts(18, e.id, a, b))


async def test_a_text_replaced_after_the_clock_was_set_back_is_the_text(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.open("a", online=False) as a:
        e = await a.remember("first text", collaborative=True)
        village.clocks["a"].offset_ms = DAY_MS
        await a.remember("a day ahead")
        village.clocks["a"].offset_ms = 0
        await a.update(e.id, content="second text")
        assert (await a.get(e.id)).content == "second text"
        await a.update(e.id, edits=[Insert(0, "the ")])
        assert (await a.get(e.id)).content == "the second text"
