"""What a node shows of a log that forks, in whatever order and however often it does."""

from typing import Any, cast

import apsw
import pytest
from trio.testing import MockClock

from engram_sync.node import Node
from engram_sync.node.writing.write_path import Arrival
from engram_sync.store import Transaction
from engram_sync.testing import EPOCH_MS, Cluster
from engram_wire import (
    NO_IDS,
    NO_SUPERSEDED,
    Announcement,
    LogDomain,
    Record,
    RecordKind,
    Superseded,
    branch_id,
    decode_frame_untrusted,
    encode_frame,
    encode_payload,
    encode_superseded,
    extend,
    payload_hash,
    shape_of,
    sign_head,
)
from engram_wire.cbor import encode

from .speaker import Log, Speaker
from .views import contents

DAY_MS = 86_400_000


def of(log: Log, first: int, *signed: int) -> tuple[Announcement, bytes]:
    """The records from ``first`` to the last of ``signed``, where alone they are signed."""
    announcement = Announcement(
        0, int(LogDomain.DATA), log.author.public_key, log.incarnation, None
    )
    signatures = [(seq, sign_head(log.author.secret_key, log.heads[seq])) for seq in signed]
    return announcement, encode_frame(0, log.records[first - 1 : signed[-1]], signatures)


async def take(node: Node, *frames: tuple[Announcement, bytes]) -> None:
    """Ingest frames in one transaction, materialised after the last of them."""
    core = node._core
    arrivals = [
        Arrival(core.facts.agent_scope, announcement, decode_frame_untrusted(frame))
        for announcement, frame in frames
    ]
    intake = await core.write(lambda tx: core.path.ingest(tx, arrivals))
    assert intake.error is None
    assert not any(taken.rejected for taken in intake.taken)


def history(node: Node, author: Speaker, *contents: str) -> Log:
    log = Log(node, author.identity)
    for content in contents:
        log.add(content)
    return log


async def test_a_run_that_reaches_back_over_two_forks_is_materialised_whole(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """The second fork divides what the branch of the first one began in."""
    async with cluster.open("a") as a:
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        long = history(a, rogue, "base", "b", "c", "d", "base")
        late = history(a, rogue, "base", "b", "c", "d", "late")
        early = history(a, rogue, "base", "b", "early")
        await take(a, of(long, 1, 1))
        await take(a, of(long, 2, 5), of(late, 5, 5), of(early, 3, 3))
        assert len(a._core.path.ledger.forks(a._core.facts.agent_scope)) == 2
        assert await contents(a) == ["b", "base", "c", "d", "early", "late"]
        assert (await a.doctor()).checks[2].ok


async def test_a_fork_is_a_problem_while_it_is_news_and_listed_for_ever(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        await take(a, of(history(a, rogue, "base", "one"), 1, 2))
        third = of(history(a, rogue, "base", "three"), 1, 2)
        await take(a, of(history(a, rogue, "base", "two"), 1, 2))
        assert "forked into 2 branches" in " ".join((await a.status()).problems)
    async with cluster.open("a", online=False) as a:
        await a.remember("something else")
        status = await a.status()
        assert (status.health, len(status.forks)) == ("ok", 1)
        assert (await a.doctor()).healthy
        await take(a, third)
        assert "forked into 3 branches" in " ".join((await a.status()).problems)


async def test_a_version_from_before_a_fork_means_what_it_meant(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """The names of what it saw have changed: it must never be taken for a view of less."""
    async with cluster.open("a") as a:
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        one = history(a, rogue, "early", "common", "late")
        await take(a, of(one, 1, 1, 3))
        early, late = [
            next(e for e in await a.list(scope="agent") if e.content == content)
            for content in ("early", "late")
        ]
        await take(a, of(history(a, rogue, "early", "common", "other"), 1, 3))
        assert (await a.update(early, content="changed")).content == "changed"
        changed = await a.update(late, content="changed")
        assert (changed.content, changed.siblings) == ("changed", ())


def erasing(log: Log, engram: bytes, *seqs: int, ahead_ms: int = 0) -> Log:
    """The log with a record that erases what it put at some positions."""
    names = [Superseded(0, None, seq) for seq in seqs]
    return _with(
        log,
        engram,
        hlc=log.records[-1].hlc + 1 + (ahead_ms << 16),
        shape=shape_of(RecordKind.ERASE, []),
        superseded=encode_superseded(names, kind=RecordKind.ERASE),
        payload=encode_payload(bytes(16), []),
    )


def living(log: Log, engram: bytes, kind: RecordKind, state: str, reason: str) -> Log:
    """The log with a record that says whether a memory is active, and sees nothing of it."""
    return _with(
        log,
        engram,
        hlc=EPOCH_MS + 60_000 << 16,
        shape=shape_of(kind, ["r/life"]),
        superseded=NO_SUPERSEDED,
        payload=encode_payload(bytes(16), [encode([state, reason])]),
    )


def _with(
    log: Log, engram: bytes, *, hlc: int, shape: bytes, superseded: bytes, payload: bytes
) -> Log:
    record = Record(
        seq=len(log.records) + 1,
        engram=engram,
        hlc=hlc,
        shape=shape,
        superseded=superseded,
        payload=payload,
        payload_hash=payload_hash(payload),
        deps=NO_IDS,
        auth=b"\xf6",
        marked=True,
    )
    log.records.append(record)
    log.heads.append(extend(log.heads[-1], record))
    return log


async def held(node: Node, text: str) -> int:
    """How many records hold a payload with that text."""

    def look(tx: Transaction) -> int:
        records = [r for log in tx.logs() for r in tx.records(log.n, log.base + 1, log.seq)]
        return sum(text.encode() in (record.payload or b"") for record in records)

    return await node._core.store.submit(look)


async def test_which_of_two_equal_clocks_decides_follows_from_the_names_after_a_fork(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue, other = await Speaker.dial(cluster), await Speaker.dial(cluster, name="mallory")
        for speaker in (rogue, other):
            assert (await speaker.join(await a.invite())).accepted
        engram = history(a, rogue, "base").records[0].engram
        beside = living(history(a, other, "mine"), engram, RecordKind.RESTORE, "active", "")
        # The name of the branch lies on the other side of the log beside it.
        tries = (
            living(history(a, rogue, "base"), engram, RecordKind.ARCHIVE, "archived", str(number))
            for number in range(100)
        )
        archived = next(
            log for log in tries if (log.id < beside.id) != (branch_id(log.heads[2]) < beside.id)
        )
        await take(a, of(archived, 1, 2), of(beside, 1, 2))
        await take(a, of(history(a, rogue, "base", "something else"), 2, 2))
        assert (await a.doctor()).healthy


@pytest.mark.parametrize("erased_first", [True, False])
async def test_what_one_branch_erases_is_gone_whatever_branch_came_first(
    cluster: Cluster, autojump_clock: MockClock, *, erased_first: bool
) -> None:
    async with cluster.open("a") as a:
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        plain = history(a, rogue, "base", "secret", "other", "secret")
        erased = history(a, rogue, "base", "secret", "secret")
        erased = erasing(erased, erased.records[1].engram, 2, 3)
        frames = [of(plain, 1, 4), of(erased, 1, 4)]
        for frame in reversed(frames) if erased_first else frames:
            await take(a, frame)
        assert await held(a, "base") == 1
        assert await held(a, "secret") == 1, "the other branch says it again, and erased nothing"
        await take(a, of(plain, 1, 4), of(erased, 1, 4))
        assert await held(a, "secret") == 1
        assert (await a.doctor()).healthy


async def test_an_erasure_from_the_future_acts_at_once(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """Whoever asks for it means it; a wrong clock is no reason to keep a secret."""
    async with cluster.open("a") as a:
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        log = history(a, rogue, "base", "secret")
        await take(a, of(log, 1, 2))
        await take(a, of(erasing(log, log.records[1].engram, 2, ahead_ms=DAY_MS), 3, 3))
        assert await held(a, "secret") == 0
        assert not await a.recall("secret")
        assert "secret" not in await contents(a)
        assert (await a.doctor()).checks[2].ok


async def test_a_fork_looks_once_at_each_memory_beyond_it(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        connection = cast(Any, a._core.store)._committer._connection

        async def statements(incarnation: int, many: int) -> int:
            one, other = (Log(a, rogue.identity, incarnation) for _ in range(2))
            for number in range(many):
                one.add(f"{number}")
            await take(a, of(one, 1, many))
            run: list[object] = []
            connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, run.append)
            await take(a, of(other.add("0").add("other"), 2, 2))
            connection.trace_v2(0, None)
            return len(run)

        few = await statements(2, 10)
        assert await statements(3, 50) <= few + 40
        assert (await a.doctor()).healthy
