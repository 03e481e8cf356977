"""Doctor and compact: what they find, what they drop, and what they must leave as it is."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest
from trio.testing import MockClock

from engram_sync.api import Check, Doctor
from engram_sync.config import Config
from engram_sync.errors import UsageError
from engram_sync.node import Node
from engram_sync.node.background.materialising import Materialising
from engram_sync.node.home.files import Home
from engram_sync.node.upkeep import maintenance as _maintenance
from engram_sync.store import Transaction
from engram_sync.testing import Cluster, DirectoryHome, agent_scope, converged


@asynccontextmanager
async def on_disk(cluster: Cluster, directory: Path) -> AsyncGenerator[Node]:
    """A node whose store is a file that a test may damage."""
    storage = DirectoryHome(directory)
    async with Node.open(
        config=Config(), services=(), environment=cluster.environment("disk"), storage=storage
    ) as node:
        yield node


def spoil(directory: Path, sql: str) -> None:
    connection = apsw.Connection(str(Home(directory).store))
    connection.execute(sql)  # pyright: ignore[reportUnknownMemberType]  # its stubs are partial
    connection.close()


def check(found: Doctor, name: str) -> Check:
    return next(each for each in found.checks if each.name == name)


@pytest.mark.slow
async def test_a_doctor_finds_nothing_where_nothing_is_wrong(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        for number in range(300):
            await a.remember(f"memory {number}")
        e = await b.remember("a text", collaborative=True, skill={"name": "s", "steps": ["x"]})
        await b.update(e, edits=[("insert", 0, "not ")])
        await converged(a, b)
        for node in (a, b):
            found = await node.doctor()
            assert found.healthy, found
            assert all(each.ok and not each.damaged for each in found.checks)
            assert "301" in check(found, "memories").detail
            assert found.store_bytes > 0


DAMAGES: list[tuple[str, str]] = [
    ("UPDATE rec SET payload = zeroblob(length(payload)) WHERE id = (SELECT max(id) FROM rec)", ""),
    ("DELETE FROM rec WHERE id = (SELECT max(id) FROM rec)", "the record is missing"),
    ("UPDATE run SET sig = zeroblob(64) WHERE id = (SELECT max(id) FROM run)", "signature"),
    ("UPDATE rec SET hlc = hlc + 1 WHERE id = (SELECT max(id) FROM rec)", "that were signed"),
]


@pytest.mark.parametrize(("sql", "what"), DAMAGES)
async def test_a_doctor_finds_what_is_not_as_it_was_signed(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path, sql: str, what: str
) -> None:
    async with on_disk(cluster, tmp_path) as node:
        await node.remember("one")
        await node.remember("two")
    spoil(tmp_path, sql)
    async with on_disk(cluster, tmp_path) as node:
        found = await node.doctor()
    assert not found.healthy
    logs = check(found, "logs")
    assert logs.damaged
    assert what in logs.detail


async def test_a_doctor_finds_a_memory_that_is_not_what_its_records_say(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with on_disk(cluster, tmp_path) as node:
        e = await node.remember("one")
        await node.update(e, content="two")
    spoil(tmp_path, "UPDATE eng SET digest = zeroblob(32) WHERE digest IS NOT NULL")
    async with on_disk(cluster, tmp_path) as node:
        found = await node.doctor()
    assert check(found, "memories").damaged
    assert e.id in check(found, "memories").detail
    assert check(found, "logs").ok


@pytest.mark.slow
async def test_compaction_drops_what_nothing_shows_and_changes_nothing_that_is_seen(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("version 0", tags={"kept"})
        for number in range(1, 40):
            e = await a.update(e, content=f"version {number}")
        await converged(a, b)
        before = await agent_scope(a)
        planned = await a.compact(keep_days=0, dry_run=True)
        assert (await a.doctor()).saving.payloads == 0, "it is younger than a month"
        assert planned.saved.payloads == 38
        done = await a.compact(keep_days=0)
        assert done.saved == planned.saved
        assert await agent_scope(a) == before
        assert await a.get(e.id) == e
        again = await a.compact(keep_days=0)
        assert again.saved.payloads == again.saved.runs == 0
        assert (await a.doctor()).healthy
        history = await a.history(e.id)
        assert [entry.kind for entry in history] == ["create"] + ["update"] * 39
        async with cluster.open("c") as c:
            await c.join(await a.invite())
            await converged(a, c)
            assert (await c.get(e.id)).content == "version 39"
            assert (await c.doctor()).healthy


async def test_a_compaction_of_the_future_is_refused(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        for days in (-1, float("nan")):
            with pytest.raises(UsageError):
                await a.compact(keep_days=days)


async def test_a_doctor_ends_where_more_arrives_than_it_can_compare(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_maintenance, "CHECK_SLICES", 3)
    async with cluster.open("a", online=False) as a:
        await a.remember("one")
        core = a._core
        asked: list[bytes] = []

        async def never(_: Materialising, scope: bytes) -> None:
            asked.append(scope)

        def arrives(tx: Transaction) -> None:
            row = tx.scope(core.path.ledger.scope_number(core.facts.agent_scope))
            assert row is not None
            tx.update_scope(row._replace(materialised=row.materialised - 1))

        await core.store.submit(arrives)
        monkeypatch.setattr(Materialising, "materialise_pending", never)
        found = check(await a.doctor(), "memories")
        assert (found.ok, found.damaged) == (False, False)
        assert "run it again" in found.detail
        assert asked
