"""Payloads apart from their records: owed ones are fetched, erased ones are gone for good."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engram_sync.memory.read import find_exact
from engram_sync.memory.state import Snapshot
from engram_sync.node import Node
from engram_sync.node.background.receipts import note_receipts
from engram_sync.node.writing.storing import without_erased
from engram_sync.store import Reader, Transaction
from engram_sync.testing import Cluster, DirectoryHome, agent_scope, converged, until
from engram_wire import RecordKind

from .views import contents

SECRET = "the password is xyzzy-plugh-4711"


def positions(node: Node, reader: Reader) -> list[tuple[int, int]]:
    """(log, seq) of every record of the agent's scope that carries a value."""
    ledger, scope = node._core.path.ledger, node._core.facts.agent_scope
    found: list[tuple[int, int]] = []
    for log in ledger.logs(scope):
        for record in reader.records(log.n, 1, log.seq):
            if record.shape[0] < RecordKind.JOIN:
                found.append((log.n, record.seq))
    return found


async def lose_payloads(node: Node) -> None:
    """Forget every payload of the agent, as if a relay had kept all of them back."""
    core = node._core
    scope = core.facts.agent_scope

    def job(tx: Transaction) -> None:
        tx.drop_payloads(positions(node, tx))
        rows = tx.engrams(core.scopes[scope].number, limit=100, life=(0, 1, 2))
        core.path.rebuild(tx, scope, [row.engram for row in rows])

    await core.write(job)


async def test_owed_payloads_are_counted_and_fetched_from_a_peer(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("worth keeping", tags=("t",))
        await a.update(e, title="titled")
        await a.remember("another")
        await converged(a, b)
    async with cluster.open("b", online=False) as b:
        before = await agent_scope(b)
        await lose_payloads(b)
        lost = await agent_scope(b)
        assert lost.owed == 3
        assert lost.digest == before.digest
        assert "worth keeping" not in (await b.get(e.id)).content
        assert not await b.recall("worth keeping")
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:

        async def paid() -> bool:
            return not (await agent_scope(b)).owed

        await until(paid)
        seen = await b.get(e.id)
        assert (seen.content, seen.title, seen.tags) == ("worth keeping", "titled", ("t",))
        assert [hit.engram.id for hit in await b.recall("worth keeping")] == [e.id]
        await converged(a, b)


async def test_only_what_is_live_is_owed(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.open("a", online=False) as a:
        e = await a.remember("the first")
        for content in ("superseded", "live"):
            await a.update(e, content=content)
            e = await a.get(e.id)
        core = a._core
        row = await core.read(lambda r: r.engrams(None, limit=1)[0])
        for gone, owed in ((1, 0), (2, 1), (0, 2)):

            def lose(tx: Transaction, seq: int = row.seq + gone) -> None:
                tx.drop_payloads([(row.log, seq)])
                core.path.rebuild(tx, core.facts.agent_scope, [row.engram])

            await core.write(lose)
            # Of the first, the type and the confidence are live still.
            assert (await agent_scope(a)).owed == owed


async def test_nothing_of_an_erased_memory_is_left_in_any_file(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        cluster.homes[name] = DirectoryHome(tmp_path / name)
    async with cluster.nodes() as (a, b):
        e = await a.remember(SECRET, title="xyzzy title")
        other = await a.remember("stays")
        await a.update(e, content=SECRET + " and more")
        await converged(a, b)
        assert await b.recall("xyzzy")
        before = (await agent_scope(a)).records
        await a.forget(e.id, erase=True)
        await converged(a, b)
        for node in (a, b):
            assert (await agent_scope(node)).records == before + 2
            seen = await node.get(e.id)
            assert (seen.life, seen.content, seen.erased) == ("deleted", "", True)
            assert not await node.recall("xyzzy", limit=5)
            assert (await node.get(other.id)).content == "stays"
            entries = await node.history(e.id)
            assert [entry.kind for entry in entries] == ["create", "update", "delete", "erase"]
            assert [entry.erased for entry in entries] == [True, True, False, False]
            assert not (await agent_scope(node)).owed
    for name in ("a", "b"):
        for file in (tmp_path / name).rglob("*"):
            assert not file.is_file() or b"xyzzy" not in file.read_bytes(), file
    async with cluster.open("b", online=False) as b:
        assert (await b.get(e.id)).erased
        assert await contents(b) == ["stays"]


async def test_an_erased_payload_is_not_taken_back(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        e = await a.remember(SECRET)
        core = a._core
        place, payload = await core.read(
            lambda r: next(
                ((log, seq), r.records(log, seq, seq)[0].payload) for log, seq in positions(a, r)
            )
        )
        assert payload is not None
        await a.forget(e.id, erase=True)
        assert not await core.write(lambda tx: tx.set_payload(*place, payload))
        assert (await a.get(e.id)).content == ""

        def come_again(tx: Transaction) -> list[bytes | None]:
            record = tx.records(*place, place[1])[0]._replace(payload=payload)
            return [r.payload for r in without_erased(tx, place[0], [record])]

        assert await core.write(come_again) == [None]


async def test_whoever_acknowledged_an_erasure_is_said_to_have_confirmed_it(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember(SECRET)
        await converged(a, b)
        await a.forget(e.id, erase=True)
        await converged(a, b)
        core, scope = a._core, a._core.facts.agent_scope
        held = [(entry.log, entry.seq) for entry in core.scopes[scope].positions()]
        key = b._core.key.public

        def note(tx: Transaction) -> int:
            return note_receipts(core.path, tx, scope, key, held, 5)

        await core.write(note)
        assert await core.write(note) == 0, "only once"
        number = core.scopes[scope].number
        asked = [core.key.public, key, bytes(32)]
        lacking = await core.read(lambda r: [r.not_confirmed(number, who) for who in asked])
        assert [len(some) for some in lacking] == [0, 0, 1]
        assert not (await a.status()).erasures


async def test_a_rebuilt_memory_is_found_under_its_id_as_before(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        e = await a.remember("one")
        await a.update(e, content="two")
        core = a._core
        scope = core.facts.agent_scope
        engram = bytes.fromhex(e.id.replace("-", ""))
        before = await agent_scope(a)
        await core.write(lambda tx: core.path.rebuild(tx, scope, [engram]))
        assert await agent_scope(a) == before

        def found(reader: Reader) -> bool:
            row = reader.scope(core.scopes[scope].number)
            assert row is not None
            return find_exact(Snapshot(reader, core.path.logs), row, engram) is not None

        assert await core.read(found)


@pytest.mark.slow
async def test_erasures_of_others_are_purged_together_and_ones_own_at_once(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.nodes() as (a, b):
        purges = list[float]()
        purge = b._core.store.purge

        async def counted() -> None:
            purges.append(trio.current_time())
            await purge()

        monkeypatch.setattr(b._core.store, "purge", counted)
        secrets = [await a.remember(f"secret {n}") for n in range(20)]
        mine, last = await b.remember("my own"), await a.remember("the last secret")
        await converged(a, b)
        for secret in secrets:
            await a.forget(secret, erase=True)
            await converged(a, b)
        assert 1 <= len(purges) <= 2
        before = len(purges)
        await b.forget(mine, erase=True)
        assert len(purges) == before + 1
        await a.forget(last, erase=True)
        await converged(a, b)
        assert b._background.purging.due
    assert len(purges) == before + 2, "none is left to the next opening"
