"""A log that a peer refuses is void from there on, and said again in another: nothing is lost."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from trio.testing import MockClock

from engram_sync.api import Delete, Engram, Insert
from engram_sync.ledger._check import RunCheck
from engram_sync.memory.read import resolve
from engram_sync.memory.state import Snapshot
from engram_sync.memory.state.lamport import lamport_numbers
from engram_sync.node import Node
from engram_sync.node.writing.refused_logs import set_aside
from engram_sync.testing import Cluster, agent_scope, converged, until
from engram_wire import InvalidRecordError, LogDomain, Record, Rejection

from .views import all_synced, contents

HOUR_S = 3_600.0
SHOWN = ("content", "title", "tags", "metadata", "counters", "life", "siblings", "belief")


def own_log(node: Node) -> tuple[bytes, int]:
    """The id of the live data log of the agent, and its newest position."""
    core = node._core
    log = core.path.own_log(core.facts.agent_scope)
    return log.id, log.seq


async def refuse(node: Node, log: bytes, seq: int) -> bool:
    """Let somebody say that a record is refused."""
    core = node._core
    scope, now_ms = core.facts.agent_scope, core.environment.clock.now_ms()
    rejection = Rejection(log=log, seq=seq, code=7)
    return await core.write(
        lambda tx: set_aside(core.path, tx, scope=scope, rejection=rejection, now_ms=now_ms)
    )


def shown(engram: Engram) -> dict[str, object]:
    return {name: getattr(engram, name) for name in SHOWN}


def refuses(
    node: Node, which: Callable[[RunCheck, Record], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let one node find some records invalid, as a defect of it would."""
    theirs, check = node._core.path.ledger._registry, RunCheck._change_untrusted

    def strict(self: RunCheck, record: Record) -> Iterator[None]:
        if self.registry is theirs and which(self, record):
            raise InvalidRecordError("this node does not take it")
        yield from check(self, record)

    def all_of(_self: RunCheck, records: Sequence[Record]) -> range:
        return range(len(records))

    monkeypatch.setattr(RunCheck, "_change_untrusted", strict)
    monkeypatch.setattr(RunCheck, "_remarkable", all_of)


def spoil(node: Node, log: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one node find titles in one log invalid."""
    refuses(
        node, lambda check, record: check.log.id == log and b"r/title" in record.shape, monkeypatch
    )


async def test_what_is_written_before_and_after_a_refused_record_arrives(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("before")
        await converged(a, b)
        spoil(b, own_log(a)[0], monkeypatch)
        await a.update(e.id, content="changed", title="refused")
        for number in range(3):
            await a.remember(f"after {number}")
        await a.update(e.id, add_tags=["later"])

        async def arrived() -> bool:
            return await contents(b) == ["after 0", "after 1", "after 2", "before"]

        await until(arrived)
        assert (await b.get(e.id)).tags == ("later",)
        await b.update(e.id, add_tags=["of b"])
        await a.remember("much later")
        await until(lambda: tagged(a, e.id, "of b"))
        await until(lambda: lists(b, "much later"))
        assert [
            problem for problem in (await a.status()).problems if "refuses record 1 " in problem
        ]


async def test_a_memory_of_which_the_first_record_is_refused_can_still_be_changed(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.nodes() as (a, b):
        await a.remember("before")
        await converged(a, b)
        spoil(b, own_log(a)[0], monkeypatch)
        e = await a.remember("new", title="refused")
        await until(lambda: _told(a))
        await a.update(e.id, content="changed", title="another")
        await a.forget((await a.remember("after")).id)
        await until(lambda: lists(b, "changed"))
        assert (await a.get(e.id)).content == "changed"
        await a.update(e.id, content="changed again")
        await until(lambda: lists(b, "changed again"))


async def _told(node: Node) -> bool:
    return any("refuses record" in problem for problem in (await node.status()).problems)


async def tagged(node: Node, ref: str, tag: str) -> bool:
    return tag in (await node.get(ref)).tags


async def lists(node: Node, content: str) -> bool:
    return content in await contents(node)


async def test_a_node_that_refused_a_record_takes_it_once_it_finds_it_valid(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("before")
        await converged(a, b)
        with monkeypatch.context() as defect:
            spoil(b, own_log(a)[0], defect)
            await a.update(e.id, content="changed", title="refused")
            await a.remember("after")
            await until(lambda: lists(b, "after"))
            assert await contents(b) == ["after", "before"]
        await b.go_offline()
        await b.go_online()
        await converged(a, b)
        await all_synced(a, b)
        assert await contents(b) == await contents(a) == ["after", "changed"]
        for node in (a, b):
            assert (await node.doctor()).healthy
            assert (await node.status()).health == "ok"


async def test_what_others_built_on_a_refused_record_arrives_once_that_is_void(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.nodes() as (a, b), cluster.open("c", peers=("b",)) as c:
        await c.join(await a.invite())
        e = await a.remember("before")
        await converged(a, b, c)
        await b.go_offline()
        spoil(b, own_log(a)[0], monkeypatch)
        await a.update(e.id, title="refused")
        await converged(a, c)
        await c.update(e.id, title="on it")
        await converged(a, c)
        await a.go_offline()
        await b.remember("of b")
        await b.go_online()
        await until(lambda: lists(c, "of b"))
        assert (await b.get(e.id)).title == ""
        assert await waiting(b)
        await a.go_online()

        async def arrived() -> bool:
            return (await b.get(e.id)).title == "on it" and not await waiting(b)

        await until(arrived)


async def waiting(node: Node) -> bool:
    """Whether the node says that something builds on what it refused."""
    return any("build on refused" in problem for problem in (await node.status()).problems)


async def test_everything_that_a_void_record_said_is_said_again(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        kept = await a.remember("kept", tags=["x", "y"], title="T", counters={"n": 5})
        deleted = await a.remember("deleted")
        text = await a.remember("one two three", collaborative=True)
        replaced = await a.remember("a text", collaborative=True)
        await converged(a, b)
        log, seq = own_log(a)
        await a.update(
            kept.id, content="changed", remove_tags=["x"], add_tags=["z"], count={"n": 3}
        )
        await a.forget(deleted.id)
        await a.update(text.id, edits=[Delete(0, 4), Insert(3, " and")])
        await a.update(replaced.id, content="another text")
        new = await a.remember("new", metadata={"k": 1}, counters={"m": 7})
        began = await a.remember("a new text", collaborative=True)
        refs = [e.id for e in (kept, deleted, text, replaced, new, began)]
        wanted = [shown(await a.get(ref)) for ref in refs]
        await converged(a, b)
        assert await refuse(a, log, seq + 1)
        assert own_log(a)[0] != log
        await converged(a, b)
        for node in (a, b):
            assert [shown(await node.get(ref)) for ref in refs] == wanted
            assert not await node.conflicts()
            assert (await node.doctor()).healthy
        await a.update(kept.id, count={"n": 1})
        await b.update(text.id, edits=[Insert(0, "so: ")])
        await converged(a, b)
        assert (await b.get(kept.id)).counters == {"n": 9}
        assert (await a.get(text.id)).content == "so: two and three"
    async with cluster.open("a", online=False) as a:
        assert (await a.get(text.id)).content == "so: two and three"
        assert (await a.restore(deleted.id)).content == "deleted"


async def test_what_only_ratifies_makes_nothing_later_by_lamport_numbers(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        logs = a._core.path.logs
        e = await a.remember("x")
        log, seq = own_log(a)
        for title in ("2", "3", "4"):
            await a.update(e.id, title=title)
        assert await refuse(a, log, seq + 1)
        await a.update(e.id, title="5")
        numbers = await a._core.read(
            lambda reader: lamport_numbers(
                Snapshot(reader, logs), resolve(Snapshot(reader, logs), e.id)
            )
        )
        assert set(numbers.values()) == {1, 5}


async def test_a_false_claim_costs_one_log_an_hour_and_loses_nothing(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        for number in range(5):
            await a.remember(f"memory {number}")
        await converged(a, b)
        wanted = await contents(a)
        log, _ = own_log(a)
        assert await refuse(a, log, 1), "from its first record on"
        await converged(a, b)
        assert await contents(a) == await contents(b) == wanted
        second, newest = own_log(a)
        assert not await refuse(a, second, newest), "not so soon"
        assert not await refuse(a, b"?" * 32, 1)
        assert not await refuse(a, own_log(b)[0], 1), "not the log of somebody else"
        cluster.clocks["a"].skew_ms += round(HOUR_S * 1000)
        assert not await refuse(a, log, 1), "what is void is not said again"
        members = a._core.path.own_log(a._core.facts.agent_scope, LogDomain.MEMBERS)
        assert not await refuse(a, members.id, 1)
        assert await refuse(a, second, newest)
        await converged(a, b)
        assert await contents(a) == await contents(b) == wanted
    async with cluster.open("c") as c, cluster.open("a") as a:
        await c.join(await a.invite())
        await converged(a, c)
        assert await contents(c) == wanted


async def test_a_log_is_void_although_somebody_else_builds_on_all_of_it(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("before")
        log, seq = own_log(a)
        await a.update(e.id, content="refused")
        await converged(a, b)
        await b.update(e.id, title="b has seen it")
        await converged(a, b)
        assert await refuse(a, log, seq + 1)
        await converged(a, b)
        for node in (a, b):
            held = await node.get(e.id)
            assert (held.content, held.title) == ("refused", "b has seen it")
    async with cluster.open("a", online=False) as a:
        assert (await a.update(e.id, content="later")).content == "later"


async def test_text_that_somebody_else_wrote_into_void_text_is_not_lost(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await b.remember("deploys go out", collaborative=True)
        await converged(a, b)
        await a.update(e.id, edits=[Insert(14, " on ...days")])
        log, seq = own_log(a)
        await converged(a, b)
        await b.update(e.id, edits=[Insert(18, "Tues")])
        await converged(a, b)
        assert (await a.get(e.id)).content == "deploys go out on Tues...days"
        assert await refuse(a, log, seq)
        await converged(a, b)
        for node in (a, b):
            content = (await node.get(e.id)).content
            assert "Tues" in content
            assert " on ...days" in content.replace("Tues", "")
            found = await node.doctor()
            assert found.healthy, found
        assert (await a.get(e.id)).content == (await b.get(e.id)).content


async def test_what_is_said_again_stays_deleted_when_it_is_erased(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        log, _ = own_log(a)
        e = await a.remember("the secret is hunter2")
        await a.forget(e.id)
        assert await refuse(a, log, 1)
        assert (await a.forget(e.id, erase=True)).life == "deleted"
        await converged(a, b)
        for node in (a, b):
            assert (await node.get(e.id)).life == "deleted"
            scope = await agent_scope(node)
            assert (scope.engrams, scope.deleted) == (0, 1)
            assert (await node.doctor()).healthy


async def test_an_edit_that_a_refused_replacement_had_not_seen_is_still_shown(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("one two", collaborative=True)
        await converged(a, b)
        await a.go_offline()
        log, seq = own_log(a)
        await a.update(e.id, content="replaced")
        await b.update(e.id, edits=[Delete(0, 3), Insert(0, "unseen")])
        await a.go_online()
        await converged(a, b)
        (before,) = await a.conflicts()
        assert await refuse(a, log, seq + 1)
        await converged(a, b)
        for node in (a, b):
            (found,) = await node.conflicts()
            said = [sibling.value for sibling in found.siblings]
            assert sorted(said) == sorted(sibling.value for sibling in before.siblings)
            assert (await node.doctor()).healthy


async def test_an_erasure_takes_void_values_with_it(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("the secret is hunter2")
        log, _ = own_log(a)
        await a.update(e.id, content="the secret is hunter3")
        await converged(a, b)
        assert await refuse(a, log, 1)
        await converged(a, b)
        assert (await b.get(e.id)).content == "the secret is hunter3"
        assert (await a.forget(e.id, erase=True)).erased
        await converged(a, b)
        sql = "select count(*) from rec where instr(payload, cast('hunter' as blob))"
        for node in (a, b):
            held = await node._core.read(lambda reader: reader._sql.one(sql)[0])  # type: ignore[attr-defined]  # looks into the file
            assert held == 0
            assert (await node.get(e.id)).life == "deleted"


@pytest.mark.slow
async def test_what_voids_and_ratifies_can_be_refused_in_its_turn(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("first", counters={"n": 1})
        await a.update(e, content="second", count={"n": 2})
        await converged(a, b)
        await b.update(e.id, title="of b")
        await converged(a, b)
        wanted, core = shown(await a.get(e.id)), a._core
        digest = (await agent_scope(a)).digest
        assert await refuse(a, own_log(a)[0], 2)
        for _ in range(2):
            for log in core.path.own.data_logs(core.facts.agent_scope):
                cluster.clocks["a"].skew_ms += round(HOUR_S * 1000)
                if await refuse(a, log.id, 1):
                    await converged(a, b)
                    assert (await agent_scope(b)).digest == digest
        for node in (a, b):
            assert shown(await node.get(e.id)) == wanted
            assert (await node.doctor()).checks[0].ok
