"""What a member with a valid key cannot do to the others."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from engram_sync.ledger import NO_ENGRAM, Draft
from engram_sync.membership import NOT_HERE, MemberRole, make_invite, parse_token
from engram_sync.node import Node
from engram_sync.node.background import scope_problems as _scope_problems
from engram_sync.node.limits import REFUSED_LOGS_MAX
from engram_sync.sync import Exchange
from engram_sync.testing import EPOCH_MS, Cluster, agent_scope, converged, until
from engram_wire import (
    OPTIONAL,
    ClockEntry,
    JoinRequest,
    JoinResponse,
    LogDomain,
    Message,
    Ping,
    Pong,
    Probe,
    Refusal,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    decode_frame_untrusted,
    encode_frame,
    sign_head,
)

from .speaker import Log, Speaker
from .tap import Tap
from .views import contents


async def admitted(cluster: Cluster, node: Node, name: str = "rogue") -> Speaker:
    rogue = await Speaker.dial(cluster, name=name)
    assert (await rogue.join(await node.invite())).accepted
    return rogue


async def test_a_join_request_tells_a_stranger_nothing_about_a_scope(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """Whether it exists, is private, or is led by this node: every answer is the same."""
    async with cluster.open("a") as a:
        held = a._core.facts.agent_scope
        answers: list[list[Message]] = []
        for scope in (bytes(32), a._core.facts.instance_scope, held):
            rogue = await Speaker.dial(cluster)
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
                await rogue.say(JoinRequest(scope, scope, grant, bytes(64), "rogue"))
                answer.append(await rogue.hear(JoinResponse))
            answers.append([*answer, *await rogue.hear_end()])
        assert answers[0] == answers[1] == answers[2]
        assert answers[0][0] == JoinResponse(accepted=False, reason=NOT_HERE)


async def test_an_observer_cannot_fill_the_answer_to_those_who_join(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """What it may write into its membership log does not come along with an admission."""
    async with cluster.open("a") as a, cluster.open("b") as b, cluster.open("c") as c:
        await b.join(await a.invite(role="observer"))
        noise = [
            Draft(22 | OPTIONAL, NO_ENGRAM, statement=("noise", bytes(8000))) for _ in range(150)
        ]
        scope = b._core.facts.agent_scope
        await b._core.write(lambda tx: b._core.path.write(tx, scope, noise, LogDomain.MEMBERS))
        await converged(a, b)
        assert (await agent_scope(a)).records > 150
        await c.join(await a.invite())
        await converged(a, b, c)


async def test_what_no_longer_fits_a_message_ends_that_connection_only(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await converged(a, b)
        connection = next(iter(b._controller.network.connections.values()))
        assert connection.initiator
        connection._queue(SyncResponse(1, SyncStatus.DATA, frame=bytes(2 << 20)))
        await a.remember("still here")
        await b.remember("here too")
        await converged(a, b)


async def test_a_defect_that_a_dialled_peer_reaches_ends_its_connection_only(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.nodes() as (a, b):
        await converged(a, b)
        connection = next(iter(b._controller.network.connections.values()))
        assert connection.initiator

        def defect(*_: object) -> None:
            monkeypatch.undo()
            raise KeyError("a defect")

        monkeypatch.setattr(Exchange, "on_message_untrusted", defect)
        peer = next(iter(a._controller.network.connections.values()))
        peer._queue(Ping(1))

        async def replaced() -> bool:
            now = b._controller.network.connections.values()
            return bool(now) and connection not in now

        await until(replaced)
        await a.remember("still here")
        await converged(a, b)


async def test_whoever_lies_about_an_own_log_costs_one_new_log_and_no_more(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """A claim to know more of it is no proof; only the records are, and nobody can make those."""

    def own_logs(node: Node) -> list[bytes]:
        core = node._core
        logs = core.path.ledger.logs(core.facts.agent_scope)
        return [log.id for log in logs if log.author == core.key.public and log.domain == 0]

    async with cluster.open("a") as a:
        await a.remember("before")
        rogue = await admitted(cluster, a)
        scope = a._core.facts.agent_scope
        for number in range(5):
            (live,) = {log for log in a._core.scopes[scope].own if log in own_logs(a)}
            lie = ClockEntry(live, 1_000_000, bytes(32))
            await rogue.say(SyncRequest(1, scope, bytes(32), (lie,)))
            await rogue.hear(Probe)
            await a.remember(f"after {number}")
        assert len(own_logs(a)) == 2
        assert len(await contents(a)) == 6


def run_of(log: Log, ref: int, first: int, last: int) -> bytes:
    """Some records of a log in one frame, under one signature."""
    signature = sign_head(log.author.secret_key, log.heads[last])
    return encode_frame(ref, log.records[first - 1 : last], [(last, signature)])


def records_in(responses: Sequence[SyncResponse]) -> int:
    frames = [response.frame for response in responses if response.frame is not None]
    return sum(len(decode_frame_untrusted(frame).records) for frame in frames)


@pytest.mark.slow
async def test_a_forged_record_does_not_make_others_send_a_whole_log_again(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    cluster.tap = tap = Tap()
    async with cluster.nodes() as (a, b):
        rogue = await admitted(cluster, a)
        request = (await rogue.hear(SyncRequest)).request
        long = Log(a, rogue.identity)
        for number in range(600):
            long.add(f"common {number}")
        announced = Log(a, rogue.identity).add("any").response(request).announcements
        for first in range(1, 601, 200):
            frame = run_of(long, 0, first, first + 199)
            await rogue.say(
                SyncResponse(request, SyncStatus.DATA, announced if first == 1 else (), frame)
            )
        await converged(a, b)
        for common in range(3):
            before = [len(tap.messages(name, SyncResponse)) for name in "ab"]
            other = Log(a, rogue.identity)
            for number in range(common):
                other.add(f"common {number}")
            other.add(f"forged {common}")
            ref = 1 + common
            announcement = replace(announced[0], ref=ref)
            frame = run_of(other, ref, 1, common + 1)
            await rogue.say(SyncResponse(request, SyncStatus.DATA, (announcement,), frame))
            await until(partial(forked, a, 1 + common))
            await converged(a, b)
            await trio.sleep(3)
            sent = [
                records_in(tap.messages(name, SyncResponse)[count:])
                for name, count in zip("ab", before, strict=True)
            ]
            assert sum(sent) <= 2


async def forked(node: Node, count: int) -> bool:
    return len((await node.status()).forks) == count


@pytest.mark.slow
async def test_nobody_fills_the_status_with_logs_that_are_refused(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await admitted(cluster, a)
        request = (await rogue.hear(SyncRequest)).request
        for ref in range(REFUSED_LOGS_MAX + 20):
            log = Log(a, rogue.identity, ref + 1).add("fine").add(f"bad {ref}", valid=False)
            await rogue.say(log.response(request, ref))
            assert (await rogue.hear(SyncAck)).rejected
        # That it has so many logs is told too, once.
        problems = [p for p in (await a.status()).problems if "has not ended" not in p]
        assert len(problems) == REFUSED_LOGS_MAX + 1
        assert "more logs than are listed" in problems[-1]
        # A listed one goes on otherwise, and whatever else is refused has room.
        log = Log(a, rogue.identity, 1).add("fine").add("good")
        await rogue.say(log.response(request, REFUSED_LOGS_MAX + 20))

        async def lifted() -> bool:
            problems = [p for p in (await a.status()).problems if "has not ended" not in p]
            return len(problems) == REFUSED_LOGS_MAX - 1

        await until(lifted)


async def test_a_claim_that_states_diverged_is_reported_once(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await admitted(cluster, a)
        scope = a._core.facts.agent_scope

        view = a._core.scopes[scope]
        lie = Summary(view.clock_digest, b"x" * 32, 7, rules=view.rules)
        await rogue.say(*[Ping(number, ((scope, lie),)) for number in range(1, 20)])
        for _ in range(1, 20):
            await rogue.hear(Pong)
        problems = (await a.status()).problems
        assert len([p for p in problems if "another state at rogue" in p]) == 1
        assert [peer.state for peer in await a.peers()] == ["diverged"]
        await rogue.link.aclose()
        await until(lambda: silent(a))


async def silent(node: Node) -> bool:
    return not any("another state" in problem for problem in (await node.status()).problems)


async def test_a_claim_that_states_diverged_is_over_when_it_is_taken_back(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await admitted(cluster, a)
        scope = a._core.facts.agent_scope
        view = a._core.scopes[scope]
        await rogue.say(
            Ping(1, ((scope, Summary(view.clock_digest, b"x" * 32, 7, rules=view.rules)),))
        )
        await rogue.hear(Pong)
        assert not await silent(a)
        await rogue.say(Ping(2, ((scope, view.summary()),)))
        await rogue.hear(Pong)
        assert await silent(a)


async def test_one_member_that_contradicts_all_others_is_its_own_problem(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.join(await a.invite())
        rogue = await admitted(cluster, a)
        await converged(a, b)
        scope = a._core.facts.agent_scope
        view = a._core.scopes[scope]
        await rogue.say(
            Ping(1, ((scope, Summary(view.clock_digest, b"x" * 32, 7, rules=view.rules)),))
        )
        await rogue.hear(Pong)
        states = {peer.label: peer.state for peer in await a.peers()}
        assert states == {"b": "synced", "rogue": "diverged"}
        assert await silent(a)
        assert (await a.status()).health == "ok"


async def test_nobody_fills_the_status_with_forks(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_scope_problems, "FORKS_TOLD_MAX", 3)
    async with cluster.open("a") as a:
        rogue = await admitted(cluster, a)
        request = (await rogue.hear(SyncRequest)).request
        for number in range(12):
            log = Log(a, rogue.identity, 1 + number // 2).add(f"branch {number % 2}")
            await rogue.say(log.response(request, number))
            await rogue.hear(SyncAck)
        status = await a.status()
        assert len(status.forks) == 6
        assert len(status.problems) == 3 + 1
        assert "at 6 places" in " ".join(status.problems)


async def test_what_a_member_says_it_refuses_is_a_problem_while_it_says_so(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await admitted(cluster, a)
        engram = await a.remember("fine, and refused all the same")
        await rogue.say(SyncRequest(1, a._core.facts.agent_scope, bytes(32), ()))
        (announced, *_) = (await rogue.hear(SyncResponse)).announcements
        await rogue.say(SyncAck(1, (), None, (Refusal(announced.ref, 1, 1),)))

        async def told() -> bool:
            return any("rogue refuses" in text for text in (await a.status()).problems)

        async def untold() -> bool:
            return not await told()

        await until(told)
        await rogue.link.aclose()
        await until(untold)
        assert (await a.get(engram.id)).content
