"""Doctor finds damage in every column of the store that follows from something else."""

from collections.abc import Iterator
from functools import partial

import pytest
from trio.testing import MockClock

from engram_sync.api import Insert
from engram_sync.errors import PreconditionError
from engram_sync.node import Node
from engram_sync.node.writing.refused_logs import set_aside
from engram_sync.store import Reader, Transaction
from engram_sync.testing import Cluster, converged
from engram_wire import Rejection

from .test_cut_off import here, revoked, say
from .test_owed import lose

SAID_BY_NOTHING_ELSE = {
    "meta": "settings, and what this node made up",
    "peer": "where others were met, a hint",
    "scope.kind scope.secret": "told by whoever let this node in",
    "scope.changes eng.born eng.changed elem.born": "counts changes; only their order is known",
    "run.at receipt.at run.arrival": "when it came",
    "receipt.key receipt.seq": "what others claim to hold",
    "log.parent log.branch": "no log is forked here; see tests/store/test_purge.py",
    "shape.b": "read once; the chain of hashes has it",
}
"""By the columns: why nothing can tell whether they are right."""
WHERE = {
    "log.until": "follows IS NOT NULL",
    "log.jump": "depth > 0",
    "rec.phash": "payload IS NULL",
    "rec.sups": "sups IS NOT NULL",
    "rec.deps": "deps IS NOT NULL",
    "rec.auth": "auth IS NOT NULL",
    "eng.log": "digest IS NULL",
    "eng.seq": "digest IS NULL",
    "eng.live": "digest IS NOT NULL",
    "eng.dead": "digest IS NOT NULL",
    "eng.erased": "digest IS NOT NULL",
    "eng.digest": "digest IS NOT NULL",
    "elem.life": "life IS NOT NULL",
    "elem.grp": "grp IS NOT NULL",
    "elem.val": "grp IS NOT NULL",
    "elem.grp2": "grp2 IS NOT NULL",
    "elem.val2": "grp2 IS NOT NULL",
}
"""Of columns that are empty in most rows, the others."""


async def rich(cluster: Cluster) -> None:
    """A node with a row of every kind in its store."""
    async with cluster.nodes() as (a, b):
        await a.remember("plain", tags={"x"})
        e = await a.remember("version 0", title="T", counters={"n": 1})
        for number in range(3):
            e = await a.update(e, content=f"version {number + 1}")
        believed = {"subject": "sky", "relation": "is", "object": "blue"}
        believing = await a.remember(
            "believed", events=[{"text": "it was", "key": "k"}], belief=believed
        )
        await a.update(believing, title="changed")
        text = await a.remember("a text", collaborative=True)
        await a.update(text, edits=[("insert", 0, "not ")])
        deleted = await a.remember("deleted")
        await a.forget(deleted.id)
        secret = await a.remember("secret")
        await a.update(secret, content="secret too")
        await a.forget(secret.id, erase=True)
        archived = await a.remember("archived")
        await a.archive(archived.id)
        await converged(a, b)
    async with cluster.open("a", online=False) as a, cluster.open("b", online=False) as b:
        await a.update(e.id, content="of a")
        await b.update(e.id, content="of b")
    await sealed(cluster)
    async with cluster.open("a", online=False) as a:
        await a.compact(keep_days=0)
        lost = [await a.remember("lost"), await a.remember("lost too")]
        await a.update(lost[1], title="x")
        await a._core.write(partial(lose, a, [each.id for each in lost]))


async def sealed(cluster: Cluster) -> None:
    """A crash, and then a log of which somebody refused the end."""
    home = cluster.home("a")
    home.witnesses.clear()
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await a.remember("after a crash")
        await converged(a, b)
        core = a._core
        log = core.path.own_log(core.facts.agent_scope)
        rejection = Rejection(log=log.id, seq=log.seq + 1, code=7)
        await a.remember("refused")
        now_ms = core.environment.clock.now_ms()
        scope = core.facts.agent_scope
        await core.write(
            lambda tx: set_aside(core.path, tx, scope=scope, rejection=rejection, now_ms=now_ms)
        )
        await converged(a, b)
        await say(a, revoked(b, here(b)))


def columns(reader: Reader) -> Iterator[tuple[str, str, str]]:
    """Table, name and type of every column, but those of the index of words."""
    sql = """SELECT m.name, c.name, c.type FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
        WHERE m.type = 'table' AND m.sql NOT LIKE '%VIRTUAL%' AND m.name NOT LIKE 'fts%'"""
    yield from reader._sql.all(sql)  # type: ignore[attr-defined]


def damage(table: str, column: str, kind: str, tx: Transaction) -> None:
    """Change one value, and keep the rows as they were."""
    other = {"INTEGER": f"{column} + 1", "TEXT": f"{column} || 'x'"}.get(
        kind, f"coalesce(zeroblob(length({column})), zeroblob(1))"
    )
    where = WHERE.get(f"{table}.{column}", "true")
    run = tx._sql.run  # type: ignore[attr-defined]
    run(f"CREATE TEMP TABLE kept AS SELECT * FROM {table}")
    run(f"""UPDATE {table} SET {column} = {other} WHERE ({column}) IN (
        SELECT {column} FROM {table} WHERE {where} ORDER BY {column} DESC LIMIT 1)""")


def repair(table: str, names: str, tx: Transaction) -> None:
    """Take the damage back."""
    run = tx._sql.run  # type: ignore[attr-defined]
    run("PRAGMA defer_foreign_keys = ON")
    run(f"DELETE FROM {table}")
    run(f"INSERT INTO {table} ({names}) SELECT {names} FROM kept")
    run("DROP TABLE kept")


async def damaged(node: Node) -> list[str]:
    told = await node._core.store.integrity()
    return told or [check.detail for check in (await node.doctor()).checks if check.damaged]


async def test_a_doctor_finds_an_index_of_words_that_is_of_other_texts(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        await a.remember("deploys go out on Tuesdays", title="Deploys", tags=["ops"])
        text = await a.remember("one two three", collaborative=True)
        await a.update(text.id, edits=[Insert(0, "zero ")])
        assert await a.recall("zero tuesdays")
        assert not await damaged(a)
        ((n, _),) = await a._core.read(lambda reader: reader.search(["zero"], limit=9))
        await a._core.store.submit(lambda tx: tx.index_many([(n, "", "zero one two four", "")]))
        (told,) = await damaged(a)
        assert f"{text.id} is not what its records say: words by which it is found" in told


@pytest.mark.slow
async def test_a_doctor_finds_damage_in_every_column_that_follows_from_something_else(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    await rich(cluster)
    async with cluster.open("a", online=False) as a:
        assert not await damaged(a)
        submit = a._core.store.submit
        every = await a._core.read(lambda reader: list(columns(reader)))
        exempt = {name for names in SAID_BY_NOTHING_ELSE for name in names.split()}
        unnoticed: list[str] = []
        for table, column, kind in every:
            if table in exempt or f"{table}.{column}" in exempt:
                continue
            names = ", ".join(name for of, name, _ in every if of == table)
            try:
                await submit(partial(damage, table, column, kind))
            except PreconditionError:
                continue  # The database itself compares it.
            if not await damaged(a):
                unnoticed.append(f"{table}.{column}")
            await submit(partial(repair, table, names))
        assert not unnoticed, " ".join(unnoticed)
        assert not await damaged(a), "it was all repaired"
