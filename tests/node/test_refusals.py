"""Any history of which one node refuses a record ends as it would have without that.

Two nodes write what comes to their mind, a third one refuses a record of the first, wherever that
stands.  Its author gives way without anybody's help: at that moment nothing changes for it, and in
the end all three hold and show the same.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest
from trio.testing import MockClock

from engram_sync.api import Delete, Insert
from engram_sync.errors import EngramError
from engram_sync.node import Node
from engram_sync.node.network import refused_by as _refused_by
from engram_sync.node.network.store_effects import StoreEffects
from engram_sync.node.writing.arrivals import Arrival, IngestOutcome
from engram_sync.node.writing.refused_logs import set_aside
from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import Transaction
from engram_sync.testing import Cluster, converged, until
from engram_wire import Rejection

from .test_voids import HOUR_S, lists, own_log, refuse, refuses, spoil
from .views import contents

STEPS = 20


class Someone:
    """Writes what comes to its mind.

    Args:
        luck: Draws what.
    """

    def __init__(self, luck: random.Random) -> None:
        self.luck = luck
        self.ids: list[str] = []

    async def act(self, node: Node) -> None:
        luck = self.luck
        ref = luck.choice(self.ids) if self.ids else ""
        choices: list[Callable[[], Awaitable[object]]] = [
            lambda: node.update(ref, title=f"title {luck.random()}"),
            lambda: node.update(ref, content=f"content {luck.random()}"),
            lambda: node.update(
                ref, add_tags=[luck.choice("abc")], remove_tags=[luck.choice("xy")]
            ),
            lambda: node.update(ref, metadata={luck.choice("kl"): luck.choice([None, 1, 2])}),
            lambda: node.update(ref, count={luck.choice("nm"): luck.randint(-3, 5)}),
            lambda: node.update(
                ref, believe={"subject": "s", "relation": "r", "object": luck.choice("pq")}
            ),
            lambda: node.update(ref, add_events=[f"event {luck.randint(0, 9)}"]),
            lambda: node.update(
                ref, confidence=luck.random(), epistemic=luck.choice(["", "observed"])
            ),
            lambda: node.forget(ref),
            lambda: node.restore(ref),
            lambda: node.archive(ref),
            lambda: self._edit(node, ref),
            lambda: self._settle(node, ref),
        ]
        if not ref or luck.random() < 0.2:
            await self._remember(node)
        elif luck.random() < 0.03:
            await self._try(lambda: node.forget(ref, erase=True))
        else:
            await self._try(luck.choice(choices))

    async def _try(self, write: Callable[[], Awaitable[object]]) -> None:
        with suppress(EngramError):  # It is deleted, or there is nothing to settle: another draw.
            await write()

    async def _remember(self, node: Node) -> None:
        luck = self.luck
        made = await node.remember(
            f"one two three {luck.random()}",
            tags=["x", "y"][: luck.randint(0, 2)],
            counters={"n": luck.randint(0, 4)} if luck.random() < 0.5 else {},
            collaborative=luck.random() < 0.4,
        )
        self.ids.append(made.id)

    async def _edit(self, node: Node, ref: str) -> None:
        at = self.luck.randint(0, 6)
        await node.update(ref, edits=[Delete(at, 2), Insert(at, self.luck.choice("abc") * 3)])

    async def _settle(self, node: Node, ref: str) -> None:
        seen = await node.get(ref)
        await node.update(ref, content=f"settled {self.luck.random()}", if_version=seen.version)


def strict(node: Node, log: bytes, seq: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one node find one record invalid where it stands, as long as nobody ratifies it."""
    refuses(
        node,
        lambda check, record: (check.log.id, record.seq, check.before) == (log, seq, None),
        monkeypatch,
    )


def watched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The states of the scope before and after each time that an author gives way."""
    states: list[int] = []

    def look(
        path: WritePath, tx: Transaction, *, scope: bytes, rejection: Rejection, now_ms: int
    ) -> bool:
        path.materialise_all(tx, scope)
        before = tx.scope(path.ledger.scope_number(scope))
        done = set_aside(path, tx, scope=scope, rejection=rejection, now_ms=now_ms)
        path.materialise_all(tx, scope)
        after = tx.scope(path.ledger.scope_number(scope))
        assert before is not None
        assert after is not None
        if done:
            states.extend((before.digest, after.digest))
        return done

    monkeypatch.setattr(_refused_by, "set_aside", look)
    return states


async def healthy(node: Node) -> bool:
    return (await node.doctor()).healthy


async def shown(node: Node, ids: list[str]) -> list[object]:
    """What a node shows, but for versions, which are each node's own."""
    memories = [replace(await node.get(ref), version="") for ref in ids]
    conflicts = [(c.engram, c.kind, c.field, c.siblings) for c in await node.conflicts()]
    return [*memories, *conflicts]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_a_refusal_changes_nothing_of_what_is_shown(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    luck = random.Random(seed)
    someone = Someone(luck)
    async with cluster.nodes() as (a, b), cluster.open("c", peers=["a", "b"]) as c:
        await c.join(await a.invite())
        states = watched(monkeypatch)
        await someone.act(a)
        await converged(a, b, c)
        strict(c, own_log(a)[0], luck.randint(2, STEPS // 2), monkeypatch)
        for _ in range(STEPS):
            await someone.act(luck.choice((a, a, b)))
            if luck.random() < 0.2:
                await converged(a, b)
        await converged(a, b, c)
        assert len(states) == 2, "its author gave way once"
        assert states[0] == states[1], "and nothing changed for it"
        expected = await shown(a, someone.ids)
        for node in (a, b, c):
            assert await shown(node, someone.ids) == expected
            # Connections over which something was refused are ended and begun anew.
            await until(partial(healthy, node))


@pytest.mark.parametrize("accepted", [False, True], ids=["void", "accepted"])
async def test_a_refusal_that_is_noted_late_does_not_stay_in_status(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, accepted: bool
) -> None:
    async with cluster.nodes() as (a, b), cluster.open("c", peers=["a", "b"]) as c:
        await c.join(await a.invite())
        e = await a.remember("before")
        await converged(a, b, c)
        core, scope, (log, _) = b._core, b._core.facts.agent_scope, own_log(a)
        seq, held = own_log(a)[1] + 1, list[IngestOutcome]()

        async def lifted() -> bool:
            found = core.path.ledger.log_by_id(scope, log)
            if accepted:
                return found is not None and found.seq >= seq
            return core.path.ledger.void_after(scope, log, a._core.key.public) is not None

        async def late(self: StoreEffects, arrivals: Sequence[Arrival]) -> IngestOutcome:
            intake = await store(self, arrivals)
            if self._core is core and not held and any(one.rejected for one in intake.taken):
                held.append(intake)
                await until(lifted)
            return intake

        store = StoreEffects._store
        monkeypatch.setattr(StoreEffects, "_store", late)
        strict(b, log, seq, monkeypatch)
        await a.update(e.id, title="refused")
        await converged(a, b, c)
        assert held
        await until(partial(says_nothing_of_refusals, b))


async def says_nothing_of_refusals(node: Node) -> bool:
    return not any("is not valid" in problem for problem in (await node.status()).problems)


async def test_what_is_written_after_a_record_that_somebody_behind_a_hub_refuses_arrives(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.nodes() as (hub, a), cluster.open("c") as c:
        await c.join(await hub.invite())
        e = await a.remember("before")
        await converged(hub, a, c)
        spoil(c, own_log(a)[0], monkeypatch)
        await a.update(e.id, content="changed", title="refused")
        await a.remember("after")
        await until(lambda: lists(c, "after"))
        await a.remember("later")
        await c.update(e.id, add_tags=["of c"])
        await until(lambda: lists(c, "later"))
        await converged(hub, a)
        assert len(a._core.path.own.data_logs(a._core.facts.agent_scope)) == 4, "it gave way once"
        assert await contents(c) == ["after", "before", "later"]
        for node in (hub, a):
            assert await contents(node) == ["after", "changed", "later"]
            assert (await node.get(e.id)).tags == ("of c",)
            assert (await node.doctor()).checks[0].ok
        assert (await a.status()).health == "ok", "nobody refuses what it says to a"


@pytest.mark.slow
async def test_an_author_hears_of_a_refusal_although_it_was_away_when_that_was_said(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.nodes() as (hub, a), cluster.open("c") as c:
        await c.join(await hub.invite())
        e = await a.remember("before")
        await converged(hub, a, c)
        await c.go_offline()
        spoil(c, own_log(a)[0], monkeypatch)
        await a.update(e.id, title="refused")
        await a.remember("after")
        await converged(hub, a)
        await a.go_offline()
        await c.go_online()
        await until(lambda: says(hub, "refuses record"))
        await a.go_online()
        await a.remember("later")
        await until(lambda: lists(c, "later"))
        assert await contents(c) == ["after", "before", "later"]


async def says(node: Node, text: str) -> bool:
    return any(text in problem for problem in (await node.status()).problems)


@pytest.mark.slow
async def test_a_refusal_soon_after_another_one_is_acted_on_when_the_hour_is_over(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("before")
        await converged(a, b)
        assert await refuse(a, own_log(a)[0], 1)
        await converged(a, b)
        spoil(b, own_log(a)[0], monkeypatch)
        await a.update(e.id, title="refused")
        await a.remember("after")
        await until(lambda: says(a, "within the hour"))
        assert await contents(b) == ["before"]
        cluster.clocks["a"].skew_ms += round(HOUR_S * 1000)
        await until(lambda: lists(b, "after"))
        assert not await says(a, "within the hour")
