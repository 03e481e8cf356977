"""What a former member wrote beyond its cut-off is held, and neither shown nor applied."""

import random
from collections.abc import Sequence
from uuid import UUID

import pytest
from trio.testing import MockClock

from engram_sync.api import Insert, Scope
from engram_sync.errors import DeniedError
from engram_sync.ledger import Draft, Erasure, History, Ledger, LogState
from engram_sync.membership import (
    Cutoff,
    Epoch,
    MemberRole,
    Revoke,
    SetRole,
    commitment_to,
    epoch_draft,
    leave_draft,
    revoke_draft,
    set_role_draft,
)
from engram_sync.node import Node
from engram_sync.node.writing.scopes import add_scope
from engram_sync.node.writing.write_path import Arrival, arrival_untrusted
from engram_sync.store import LogRow, Transaction
from engram_sync.testing import Cluster, agent_scope, converged, until
from engram_wire import Announcement, LogDomain, Record, RecordKind, Superseded, encode_frame

from .test_voids import refuse
from .views import contents


def scope_of(node: Node) -> bytes:
    return node._core.facts.agent_scope


def own_log(node: Node) -> LogState:
    return node._core.path.own_log(scope_of(node))


def here(node: Node) -> Cutoff:
    """Where the log that a node writes stands."""
    log = own_log(node)
    return Cutoff(log.root, log.seq, log.head)


async def say(node: Node, *drafts: Draft) -> None:
    """Let a leader state something about members."""
    core = node._core
    await core.write(lambda tx: core.path.write(tx, scope_of(node), drafts, LogDomain.MEMBERS))


def revoked(node: Node, *cutoffs: Cutoff) -> Draft:
    return revoke_draft(Revoke(node._core.key.public, tuple(sorted(cutoffs))), "b")


async def begin_again(node: Node) -> None:
    """Let a node go on in another log, as after a crash."""
    node._core.path.own.end(own_log(node))


async def frames_of(node: Node, scope: bytes) -> list[list[Arrival]]:
    """All that a node holds of a scope, one frame a run, in order for each log."""

    def logs(tx: Transaction) -> list[list[Arrival]]:
        (of,) = (row.n for row in tx.scopes() if row.id == scope)
        return [frames_of_log(tx, row, scope) for row in tx.logs() if row.scope == of and row.seq]

    return await node._core.store.submit(logs)


def frames_of_log(tx: Transaction, row: LogRow, scope: bytes) -> list[Arrival]:
    """One log, one frame a run, in order."""
    announcement = Announcement(1, row.domain, row.author, row.incarnation, row.branch)
    found: list[Arrival] = []
    for run in tx.runs_of(row.n, 0, 10_000):
        records = tx.records(row.n, max(run.first, row.base + 1), run.last)
        frame = encode_frame(1, records, [(run.last, run.signature)])
        found.append(arrival_untrusted(scope, {1: announcement}, frame))
    return found


async def receive(node: Node, scope: bytes, logs: list[list[Arrival]], luck: random.Random) -> None:
    """Take all of it in some order that respects what depends on what."""
    path = node._core.path

    def job(tx: Transaction) -> None:
        add_scope(tx, path, scope, Scope.AGENT, bytes(32), current=False)
        waiting = [list(log) for log in logs]
        while waiting := [log for log in waiting if log]:
            for log in luck.sample(waiting, len(waiting)):
                if path.ingest(tx, log[:1]).error is None:
                    del log[0]
                    break
            else:
                raise AssertionError("every frame needs one that is not here")
        path.materialise_all(tx, scope)

    await node._core.write(job)


async def shown(node: Node, scope: bytes) -> tuple[bytes, bytes | None, int]:
    core = node._core
    view = await core.store.submit(lambda tx: core.path.view(tx, scope))
    return view.clock_digest, view.state_digest, view.engrams


async def same_in_any_order(
    cluster: Cluster, node: Node, seeds: Sequence[int] = (1, 2, 3, 4)
) -> None:
    """Whoever holds what ``node`` holds shows the same, whatever came first."""
    scope = scope_of(node)
    logs = await frames_of(node, scope)
    for seed in seeds:
        async with cluster.open(f"order {seed}", online=False) as other:
            await receive(other, scope, logs, random.Random(seed))
            assert await shown(other, scope) == await shown(node, scope)
            assert (await other.doctor()).healthy
        del cluster.homes[f"order {seed}"]


@pytest.mark.slow
async def test_neither_puts_nor_removals_beyond_a_cut_off_apply_whatever_comes_first(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        kept = await b.remember("kept", tags=["x"])
        theirs = await a.remember("a's")
        deleted = await a.remember("deleted by b")
        gone = await a.remember("gone for good", tags=["y"])
        await converged(a, b)
        await b.update(theirs.id, content="b's")
        await b.forget(gone.id)
        stands = here(b)
        await b.update(kept.id, content="changed", add_tags=["z"])
        await b.update(theirs.id, content="b's again")
        await b.forget(deleted.id)
        await b.restore(gone.id)
        await b.remember("never shown")
        await converged(a, b)
        # Others have built upon it, and not known.
        await a.update(theirs.id, content="a's last word")
        await a.update(kept.id, metadata={"seen": 1})
        assert await contents(a) == ["a's last word", "changed", "gone for good", "never shown"]
        await say(a, revoked(b, stands))
        assert await contents(a) == ["a's last word", "deleted by b", "kept"]
        found = await a.get(kept.id)
        assert (set(found.tags), found.metadata) == ({"x"}, {"seen": 1})
        assert (await a.status()).health == "ok"
        assert (await a.doctor()).healthy
        await same_in_any_order(cluster, a)


async def test_status_counts_what_is_held_and_hidden_because_it_lies_beyond_a_cut_off(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await b.remember("kept")
        stands = here(b)
        await b.remember("hidden")
        await b.remember("hidden too")
        await converged(a, b)
        assert (await agent_scope(a)).cut_off == 0
        await say(a, revoked(b, stands))
        assert (await agent_scope(a)).cut_off == 2
        await say(a, revoked(b, here(b)))
        assert (await agent_scope(a)).cut_off == 0, "whatever any statement names counts"


@pytest.mark.slow
async def test_any_number_of_logs_is_cut_off_and_an_honest_one_that_is_not_named_is_not(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        named: list[Cutoff] = []
        for number in range(4):
            await begin_again(b)
            await b.remember(f"stands {number}")
            named.append(here(b))
            await b.remember(f"cut off {number}")
        await begin_again(b)
        await b.remember("in a log that nobody names")
        await converged(a, b)
        await say(a, revoked(b, *named[:2]), revoked(b, *named[2:]))
        stands = [f"stands {number}" for number in range(4)]
        assert await contents(a) == ["in a log that nobody names", *stands]
        await same_in_any_order(cluster, a)
        # Once an epoch has begun, what relies on the membership before it has no force.
        await say(a, epoch_draft(Epoch(1, commitment_to(bytes(32)), ())))
        assert await contents(a) == stands
        await same_in_any_order(cluster, a)
        # It was honest: another statement lets it count.
        await say(a, revoked(b, here(b)))
        assert await contents(a) == ["in a log that nobody names", *stands]
        await same_in_any_order(cluster, a)


@pytest.mark.slow
async def test_what_was_cut_off_stays_so_when_its_author_is_admitted_again(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await b.remember("before")
        stands = here(b)
        await b.remember("cut off")
        await converged(a, b)
        key = b._core.key.public
        await say(a, revoked(b, stands), epoch_draft(Epoch(1, commitment_to(bytes(32)), ())))
        assert a._core.path.charters.of(scope_of(a)).role(key) is None
        await b.join(await a.invite())
        await converged(a, b)
        await b.remember("written since")
        await converged(a, b)
        assert await contents(a) == await contents(b) == ["before", "written since"]
        assert (await b.doctor()).healthy
        await same_in_any_order(cluster, a)
        # A role is cut off in the same way, and what was written since is named by itself.
        last = here(b)
        await b.remember("cut off too")
        await converged(a, b)
        await say(a, set_role_draft(SetRole(key, MemberRole.OBSERVER, (last,)), "b"))
        assert await contents(a) == ["before", "written since"]
        await same_in_any_order(cluster, a)


@pytest.mark.slow
async def test_of_a_log_that_forks_only_the_continuation_counts_that_a_cut_off_names(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await b.remember("in common")
        await converged(a, b)
    cluster.clone("forger", of="b", with_witness=True)
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await b.remember("what a has seen")
        await b.remember("cut off")
        await converged(a, b)
        stands = here(b)
        await say(a, revoked(b, Cutoff(stands.log, stands.seq - 1, await head_before(b))))
        logs = await frames_of(a, scope_of(a))
    async with cluster.open("forger", online=False) as forger:
        await forger.remember("forged where a log counts")
        logs += await frames_of(forger, scope_of(forger))
    for seed in range(4):
        async with cluster.open(f"order {seed}", online=False) as other:
            await receive(other, logs[0][0].scope, logs, random.Random(seed))
            _, _, engrams = await shown(other, logs[0][0].scope)
            assert engrams == 2, "in common, and what a has seen"
            assert (await other.doctor()).healthy


async def head_before(node: Node) -> bytes:
    log = own_log(node)
    run = await node._core.read(lambda reader: reader.run_before(log.n, log.seq - 1))
    assert run is not None
    return run.head


@pytest.mark.parametrize("beyond", [False, True])
async def test_a_text_of_others_stands_without_what_was_cut_off(
    cluster: Cluster, autojump_clock: MockClock, *, beyond: bool
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("one two three", collaborative=True)
        await converged(a, b)
        stands = here(b)
        await b.update(e.id, edits=[Insert(7, " and a half")])
        if not beyond:
            stands = here(b)
        await converged(a, b)
        await a.update(e.id, edits=[Insert(24, " four")])
        await say(a, revoked(b, stands))
        middle = "" if beyond else " and a half"
        assert (await a.get(e.id)).content == f"one two{middle} three four"
        await same_in_any_order(cluster, a, (1,))


@pytest.mark.parametrize("told", [False, True])
async def test_who_left_or_was_put_out_and_is_admitted_to_less_has_less(
    cluster: Cluster, autojump_clock: MockClock, *, told: bool
) -> None:
    async with cluster.nodes() as (a, b):
        await b.remember("b's")
        await converged(a, b)
        key, scope = b._core.key.public, scope_of(a)
        await say(*((a, revoked(b, here(b))) if told else (b, leave_draft(key, "b"))))
        members = a._core.path.charters.of(scope)

        async def gone() -> bool:
            return members.role(key) is None

        await until(gone)
        assert a._core.scopes[scope].readers == {a._core.key.public}, "it is not served any more"
        await b.join(await a.invite(role="observer"))
        assert members.role(key) is MemberRole.OBSERVER
        await converged(a, b)
        with pytest.raises(DeniedError):
            await b.remember("no longer")
        # Also once what it relied on before has no force any more.
        await say(a, epoch_draft(Epoch(1, commitment_to(bytes(32)), ())))
        await converged(a, b)
        assert await contents(a) == await contents(b) == ["b's"]


async def test_what_a_cut_off_record_ratified_is_void_again(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await b.remember("stands")
        await b.remember("refused")
        await b.remember("after it")
        ends = here(b)
        assert await refuse(b, ends.log, ends.seq - 1)
        await b.remember("in the next log")
        await converged(a, b)
        assert await contents(a) == ["after it", "in the next log", "refused", "stands"]
        others = [
            Cutoff(log.root, 0, log.root)
            for log in b._core.path.own.data_logs(scope_of(b))
            if log.root != ends.log
        ]
        await say(a, revoked(b, ends, *others))
        assert await contents(a) == ["stands"]
        assert (await a.doctor()).healthy
        await same_in_any_order(cluster, a)


@pytest.mark.slow
async def test_a_cut_and_a_void_that_had_not_seen_each_other_end_alike(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b), cluster.open("c", peers=["a", "b"]) as c:
        await c.join(await a.invite())
        await b.remember("stands")
        await b.remember("refused")
        await converged(a, b, c)
        cut = here(b)
        await a.go_offline()
        await b.remember("beyond the cut")
        assert await refuse(b, cut.log, cut.seq)
        await converged(b, c)
        await say(a, revoked(b, cut))
        assert await contents(a) == ["refused", "stands"]
        await b.go_offline()
        await a.go_online()
        await converged(a, c)
        for node in (a, c):
            # No statement names the log that ratifies; what lies beyond the cut stays cut off.
            assert await contents(node) == ["refused", "stands"]
            assert (await node.doctor()).healthy
        await same_in_any_order(cluster, a)


async def test_who_was_put_out_erases_what_others_wrote_nowhere_for_good(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b), cluster.open("c", peers=["a", "b"]) as c:
        await c.join(await a.invite())
        await say(a, set_role_draft(SetRole(b._core.key.public, MemberRole.LEADER), "b"))
        theirs, own = await a.remember("a's"), await b.remember("b's own")
        early = await a.remember("erased in time")
        await converged(a, b, c)
        await b.forget(early.id, erase=True)
        await converged(a, b, c)
        stands = here(b)
        await a.go_offline()
        await say(a, revoked(b, stands))
        for memory in (theirs, own):
            await b.forget(memory.id, erase=True)
        await converged(b, c)
        assert await contents(c) == []
        beyond = await frames_of(b, scope_of(b))
        await b.go_offline()
        # Whoever knew before spares what others wrote; its author may erase what is its own.
        logs = [log for log in beyond if log[0].announcement.author == b._core.key.public]
        await a._core.write(lambda tx: [a._core.path.ingest(tx, log) for log in logs])
        assert await contents(a) == ["(not held here)", "a's"], "and no delete is applied"
        assert (await a.get(own.id)).erased
        assert not (await a.get(theirs.id)).erased
        assert (await a.get(early.id)).erased
        assert (await a.doctor()).healthy
        # Whoever did not know gets it back from who did.
        await a.go_online()
        await converged(a, c)
        assert (await c.get(theirs.id)).content == "a's"
        assert (await c.doctor()).healthy
        # And a statement that lets it count after all erases it everywhere.
        await say(a, revoked(b, here(b)))
        await converged(a, c)
        for node in (a, c):
            assert (await node.get(theirs.id)).erased
            assert (await node.doctor()).healthy


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_what_several_leaders_erase_while_one_is_put_out_is_lost_only_where_it_may_be(
    seed: int, autojump_clock: MockClock
) -> None:
    luck, cluster = random.Random(seed), Cluster(seed)
    async with (
        cluster.open("a") as a,
        cluster.open("b", peers=["a"]) as b,
        cluster.open("c", peers=["a", "b"]) as c,
        cluster.open("d", peers=["a", "b", "c"]) as d,
    ):
        for node in (b, c, d):
            await node.join(await a.invite())
        for node in (b, c):
            await say(a, set_role_draft(SetRole(node._core.key.public, MemberRole.LEADER), "x"))
        await converged(a, b, c, d)
        owners = [luck.choice((a, b, c, d)) for _ in range(6)]
        memories = [(await node.remember("kept")).id for node in owners]
        await converged(a, b, c, d)
        erased = {luck.choice(memories)}
        await b.forget(*erased, erase=True)
        await converged(a, b, c, d)
        stands = here(b)
        await a.go_offline()
        await say(a, revoked(b, stands), epoch_draft(Epoch(1, commitment_to(bytes(32)), ())))
        if luck.random() < 0.5:
            await begin_again(b)
        beyond = luck.sample(sorted(set(memories) - erased), 4)
        for memory in beyond:
            await b.forget(memory, erase=True)
        by_another = luck.choice(beyond)
        await c.forget(by_another, erase=True)
        await converged(b, c, d)
        await b.go_offline()
        await a.go_online()
        await converged(a, c, d)
        may = erased | {by_another} | {m for m, of in zip(memories, owners, strict=True) if of is b}
        for node in (a, c, d):
            found = {memory: await node.get(memory) for memory in memories}
            assert {memory for memory, shown in found.items() if shown.erased} <= may
            assert all(found[memory].erased for memory in erased | {by_another})
            assert [found[m].content for m in memories if m not in may] == ["kept"] * (
                len(set(memories) - may)
            )
            assert (await node.doctor()).healthy


async def test_many_erasures_of_one_memory_are_each_looked_at_twice_when_their_author_is_put_out(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.nodes() as (a, b):
        await say(a, set_role_draft(SetRole(b._core.key.public, MemberRole.LEADER), "b"))
        theirs = await a.remember("a's")
        await converged(a, b)
        stands, named = here(b), (Superseded(0, own_log(a).id, own_log(a).seq),)
        draft = Draft(RecordKind.ERASE, UUID(theirs.id).bytes, (), named)
        await b._core.write(lambda tx: b._core.path.write(tx, scope_of(b), [draft] * 10))
        await converged(a, b)
        looked: list[int] = []
        erasure = Ledger.erasure

        def counted(self: Ledger, log: LogState, record: Record, history: History) -> Erasure:
            looked.append(record.seq)
            return erasure(self, log, record, history)

        monkeypatch.setattr(Ledger, "erasure", counted)
        await say(a, revoked(b, stands))
        assert len(looked) == 2 * 10
