"""Payloads that are not held: said so, asked for everywhere, and shown once they are there."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from uuid import UUID

import pytest
from trio.testing import MockClock

from engram_sync.api.arguments import NewMemory
from engram_sync.model.ids import node_text
from engram_sync.node import Node
from engram_sync.store import Transaction
from engram_sync.testing import Cluster, agent_scope, converged, until
from engram_wire import (
    Goodbye,
    PayloadRequest,
    PayloadResponse,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    decode_frame_untrusted,
    encode_frame,
    encode_payload,
)

from .speaker import Log, Speaker
from .tap import Tap
from .views import all_synced, contents, peer_of


def lose(node: Node, engrams: Iterable[str], tx: Transaction) -> None:
    """Forget the payloads of engrams, as a store may that was repaired or compacted wrongly."""
    core = node._core
    scope = core.path.ledger.scope_number(core.facts.agent_scope)
    ids = [UUID(engram).bytes for engram in engrams]
    tx.drop_payloads([(log, r.seq) for i in ids for log, r in list(tx.stream_of(scope, i))])
    core.path.rebuild(tx, core.facts.agent_scope, ids)


async def owed(node: Node) -> int:
    return (await agent_scope(node)).owed


async def connected(node: Node, other: Node) -> bool:
    return (await peer_of(node, other)).connected


async def nothing_owed(*nodes: Node) -> None:
    async def nothing() -> bool:
        return not any([await owed(node) for node in nodes])

    await until(nothing)


async def relayed(cluster: Cluster, a: Node) -> tuple[Speaker, Log]:
    """A member that passes a record on and keeps what it says to itself."""
    relay = await Speaker.dial(cluster)
    assert (await relay.join(await a.invite())).accepted
    log = Log(a, relay.identity).add("something to hide")
    whole = decode_frame_untrusted(log.frame())
    hidden = encode_frame(0, [r._replace(payload=None) for r in whole.records], whole.signatures)
    request = await relay.hear(SyncRequest)
    await relay.say(
        replace(log.response(request.request), frame=hidden),
        SyncResponse(request.request, SyncStatus.COMPLETE),
    )
    return relay, log


async def test_a_relay_that_hides_what_a_record_says_is_asked_and_so_is_everybody_else(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        relay, log = await relayed(cluster, a)
        asked = await relay.hear(PayloadRequest)
        assert asked.wanted == ((log.id, 1),)
        await relay.say(PayloadResponse(asked.number, ((log.id, 1, None),)))
        assert await owed(a) == 1
        (missing,) = (await a.status()).missing
        assert (missing.node, missing.values) == (node_text(relay.identity.public_key), 1)
        assert "something to hide" not in await contents(a)
        await relay.link.aclose()
        honest = await Speaker.dial(cluster)
        await honest.serve()
        asked = await honest.hear(PayloadRequest)
        await honest.say(PayloadResponse(asked.number, ((log.id, 1, log.records[0].payload),)))
        await nothing_owed(a)
        assert await contents(a) == ["something to hide"]


async def test_a_payload_that_the_author_did_not_sign_is_not_shown_and_stays_owed(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        relay, log = await relayed(cluster, a)
        asked = await relay.hear(PayloadRequest)
        forged = encode_payload(bytes(16), [b"\x63lie"])
        await relay.say(PayloadResponse(asked.number, ((log.id, 1, forged),)))
        await relay.say(SyncAck(1))
        heard = [message for message in await relay.hear_end() if isinstance(message, Goodbye)]
        assert heard
        assert await owed(a) == 1
        assert "lie" not in await contents(a)


@pytest.mark.slow
async def test_what_a_node_lost_comes_back_from_a_peer_and_until_then_nothing_is_synced(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    cluster.tap = tap = Tap()
    async with cluster.nodes() as (a, b):
        await a.remember_many([NewMemory(content=f"fact {number}") for number in range(700)])
        await converged(a, b)
        await all_synced(a, b)
        everything = await contents(a)
        before = await agent_scope(b)
        await a.go_offline()
        lost = [engram.id for engram in await b.list(limit=600, scope="agent")]
        await b._core.write(partial(lose, b, lost))
        assert await owed(b) == 600
        scope = await agent_scope(b)
        assert (scope.digest, scope.clock_digest) == (before.digest, before.clock_digest)
        await a.go_online()
        await nothing_owed(b)
        await all_synced(a, b)
        assert await contents(b) == everything == await contents(a)
        assert [len(r.wanted) for r in tap.messages("b", PayloadRequest)] == [512, 88]


async def test_what_no_member_has_any_more_is_named_and_keeps_nobody_from_being_synced(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        lost = (await a.remember("known to a alone, once")).id
        await converged(a, b)
        for node in (a, b):
            await node.go_offline()
            await node._core.write(partial(lose, node, [lost]))
        await a.go_online()
        await b.go_online()
        for node, other in ((a, b), (b, a)):
            await until(partial(connected, node, other))
        await all_synced(a, b)
        for node in (a, b):
            status = await node.status()
            assert status.owed == 1
            assert [(each.engram, each.label) for each in status.missing] == [(lost, "a")]
        result = await b.sync(timeout_s=5.0)
        assert result.state == "clean"
        assert result.detail == "values that have not arrived, see status: 1"


async def test_a_value_that_its_author_withholds_does_not_stain_others(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        relay, log = await relayed(cluster, a)
        async with cluster.open("b") as b:
            await b.join(await a.invite())
            await a.remember("said by somebody honest")
            await converged(a, b)

            async def agreed() -> bool:
                return [(await peer_of(*pair)).state for pair in ((a, b), (b, a))] == ["synced"] * 2

            await until(agreed)
            # Whom it was asked of and who does not answer is not synced.
            asked = await relay.hear(PayloadRequest)
            name = node_text(relay.identity.public_key)
            assert {p.node: p.state for p in await a.peers()}[name] == "syncing"
            await relay.say(PayloadResponse(asked.number, ((log.id, 1, None),)))
            assert (await b.sync(timeout_s=5.0)).peers[0].state in ("clean", "failed")
            results = {p.label: p.state for p in (await b.sync(timeout_s=5.0)).peers}
            assert results["a"] == "clean"


@pytest.mark.slow
async def test_what_a_hub_gets_later_reaches_those_it_could_not_help_at_first(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """b asks a, which owes it too; c, which only a knows, comes back and has it."""
    async with cluster.nodes() as (a, b), cluster.open("c") as c:
        await c.join(await a.invite())
        lost = (await c.remember("only c still has this")).id
        await converged(a, b, c)
        await c.go_offline()
        for node in (a, b):
            await node._core.write(partial(lose, node, [lost]))
        await converged(a, b)
        assert [await owed(node) for node in (a, b)] == [1, 1]
        await c.go_online()
        await nothing_owed(a, b)
        await all_synced(a)
        assert await contents(b) == ["only c still has this"]
