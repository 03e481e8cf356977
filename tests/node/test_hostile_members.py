"""What a member with a valid key cannot do to the others."""

import pytest
from trio.testing import MockClock

from engram_sync.log import NO_ENGRAM, Draft
from engram_sync.node import Node
from engram_sync.replication import Exchange
from engram_sync.trust import NOT_HERE, MemberRole, make_invite, parse_token
from engram_wire import (
    ClockEntry,
    JoinRequest,
    JoinResponse,
    LogDomain,
    Message,
    Ping,
    Probe,
    SyncRequest,
    SyncResponse,
    SyncStatus,
)

from .speaker import Speaker
from .village import EPOCH_MS, Village, agent_scope, agreement, contents, until


async def admitted(village: Village, node: Node, name: str = "rogue") -> Speaker:
    rogue = await Speaker.dial(village, name=name)
    assert (await rogue.join(await node.invite())).accepted
    return rogue


async def test_a_join_request_tells_a_stranger_nothing_about_a_scope(
    village: Village, autojump_clock: MockClock
) -> None:
    """Whether it exists, is private, or is led by this node: every answer is the same."""
    async with village.open("a") as a:
        held = a._core.facts.agent_scope
        answers: list[list[Message]] = []
        for scope in (bytes(32), a._core.facts.instance_scope, held):
            rogue = await Speaker.dial(village)
            mine = rogue.identity
            token = make_invite(
                scope,
                issuer=mine.public_key,
                secret_key=mine.secret_key,
                seed=bytes(32),
                role=MemberRole.MEMBER,
                expires_ms=EPOCH_MS * 2,
            )
            answer: list[Message] = [await rogue.join(token.text())]
            elsewhere = parse_token(await a.invite(), now_ms=EPOCH_MS)
            for grant in (b"garbled", elsewhere.signed.encode()):
                await rogue.say(JoinRequest(scope, grant, bytes(64), "rogue"))
                answer.append(await rogue.hear(JoinResponse))
            answers.append([*answer, *await rogue.hear_end()])
        assert answers[0] == answers[1] == answers[2]
        assert answers[0][0] == JoinResponse(accepted=False, reason=NOT_HERE)


async def test_an_observer_cannot_fill_the_answer_to_those_who_join(
    village: Village, autojump_clock: MockClock
) -> None:
    """What it may write into its membership log does not come along with an admission."""
    async with village.open("a") as a, village.open("b") as b, village.open("c") as c:
        await b.join(await a.invite(role="observer"))
        noise = [Draft(20, NO_ENGRAM, statement=(n, bytes(8000))) for n in range(150)]
        scope = b._core.facts.agent_scope
        await b._core.write(lambda tx: b._core.path.write(tx, scope, noise, LogDomain.MEMBERS))
        await agreement(a, b)
        assert (await agent_scope(a)).records > 150
        await c.join(await a.invite())
        await agreement(a, b, c)


async def test_what_no_longer_fits_a_message_ends_that_connection_only(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        await agreement(a, b)
        connection = next(iter(b._sharing.network.connections.values()))
        assert connection.initiator
        connection._queue(SyncResponse(1, SyncStatus.DATA, frame=bytes(2 << 20)))
        await a.remember("still here")
        await b.remember("here too")
        await agreement(a, b)


async def test_a_defect_that_a_dialled_peer_reaches_ends_its_connection_only(
    village: Village, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with village.pair() as (a, b):
        await agreement(a, b)
        connection = next(iter(b._sharing.network.connections.values()))
        assert connection.initiator

        def defect(*_: object) -> None:
            monkeypatch.undo()
            raise KeyError("a defect")

        monkeypatch.setattr(Exchange, "on_message_untrusted", defect)
        peer = next(iter(a._sharing.network.connections.values()))
        peer._queue(Ping(1))

        async def replaced() -> bool:
            now = b._sharing.network.connections.values()
            return bool(now) and connection not in now

        await until(replaced)
        await a.remember("still here")
        await agreement(a, b)


async def test_whoever_lies_about_an_own_log_costs_one_new_log_and_no_more(
    village: Village, autojump_clock: MockClock
) -> None:
    """A claim to know more of it is no proof; only the records are, and nobody can make those."""

    def own_logs(node: Node) -> list[bytes]:
        core = node._core
        logs = core.path.ledger.logs(core.facts.agent_scope)
        return [log.id for log in logs if log.author == core.key.public and log.domain == 0]

    async with village.open("a") as a:
        await a.remember("before")
        rogue = await admitted(village, a)
        scope = a._core.facts.agent_scope
        for number in range(5):
            (live,) = {log for log in a._core.scopes[scope].own if log in own_logs(a)}
            lie = ClockEntry(live, 1_000_000, bytes(32))
            await rogue.say(SyncRequest(1, scope, bytes(32), (lie,)))
            await rogue.hear(Probe)
            await a.remember(f"after {number}")
        assert len(own_logs(a)) == 2
        assert len(await contents(a)) == 6
