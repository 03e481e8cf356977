"""Becoming a member: by one token, once, whatever interrupts it."""

from functools import partial

import pytest
import trio
from nacl.bindings import crypto_sign_seed_keypair
from trio.testing import MockClock

from engram_sync.errors import (
    DegradedError,
    DeniedError,
    EngramError,
    RemoteError,
    UsageError,
)
from engram_sync.membership import Admission, MemberRole, admit_draft
from engram_sync.node import Node
from engram_sync.node.network import connection as _connection
from engram_sync.node.network import redeeming as _redeeming
from engram_sync.sync import _joining
from engram_sync.testing import Cluster, agree, converged

from .speaker import Speaker
from .views import all_synced, contents, peer_of


async def members(node: Node) -> set[str]:
    return {peer.node for peer in await node.peers()}


async def test_both_sides_list_each_other_after_a_join(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        result = await b.join(await a.invite())
        assert result.agent == (await a.identity()).agent == (await b.identity()).agent
        assert result.role == "member"
        await all_synced(a, b)
        assert await members(a) == {(await b.identity()).node}
        at_b = await peer_of(b, a)
        assert (at_b.via, at_b.role, at_b.label, at_b.connected) == ("token", "leader", "a", True)
        at_a = await peer_of(a, b)
        assert (at_a.via, at_a.role, at_a.label, at_a.connected) == ("inbound", "member", "b", True)


@pytest.mark.parametrize("token", ["", "engram2.", "engram2.AAAA", "hello", "engram9.AAAA"])
async def test_a_bad_token_is_a_usage_error_and_changes_nothing(
    cluster: Cluster, autojump_clock: MockClock, token: str
) -> None:
    async with cluster.open("b", online=False) as b:
        agent = (await b.identity()).agent
        with pytest.raises(UsageError) as caught:
            await b.join(token)
        assert caught.value.hint
        assert (await b.identity()).agent == agent


async def test_a_garbled_token_is_refused(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        token = await a.invite()
        middle = len(token) // 2
        garbled = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
        with pytest.raises(UsageError):
            await b.join(garbled)


async def test_an_expired_token_is_denied(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        token = await a.invite(ttl_s=60)
        await trio.sleep(61)
        with pytest.raises(DeniedError, match="expired"):
            await b.join(token)
        # The issuer does not take the joiner's clock for the truth either.
        cluster.clocks["b"].skew_ms = -3_600_000
        with pytest.raises(DeniedError, match="expired"):
            await b.join(token)
        assert await members(a) == set()


async def test_a_token_admits_one_key_and_a_second_is_told_so(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b, cluster.open("c") as c:
        token = await a.invite()
        await b.join(token)
        with pytest.raises(DeniedError, match="used already"):
            await c.join(token)
        assert await members(a) == {(await b.identity()).node}
        # On the same connection: the refusal belongs to the first token only.
        await c.join(await a.invite())
        await converged(a, b, c)
        assert len(await members(a)) == 2


async def test_the_same_key_may_use_its_token_again_after_a_crash(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        token = await a.invite(ttl_s=60)
        async with cluster.open("b") as b:
            pass
        # What b was before it joined: as if it had died with the answer on its way.
        cluster.clone("fallen", of="b")
        async with cluster.open("b") as b:
            await b.join(token)
            records = a._core.path.charters.of(a._core.facts.agent_scope).heads
        await trio.sleep(120)
        home = cluster.home("fallen")
        home.witnesses.clear()
        async with cluster.open("fallen") as b:
            # Even after it expired: the issuer knows the key.  Its holder's own clock says no.
            cluster.clocks["fallen"].skew_ms = -120_000
            await b.join(token)
            assert a._core.path.charters.of(a._core.facts.agent_scope).heads == records
            await a.remember("welcome back")
            await converged(a, b)


async def test_joining_again_with_a_spent_token_is_harmless(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        token = await a.invite()
        first = await b.join(token)
        assert await b.join(token) == first


async def test_nobody_is_denied_for_a_token_when_the_issuer_is_away(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("b") as b:
        async with cluster.open("a") as a:
            token = await a.invite()
        with pytest.raises(DegradedError, match="no address"):
            await b.join(token)
        async with cluster.open("a"):
            await b.join(token)


async def test_an_impostor_at_the_issuers_address_learns_nothing(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        token = await a.invite()
    cluster.homes["a"] = cluster.home("impostor")
    async with cluster.open("a") as impostor, cluster.open("b") as b:
        with pytest.raises(DegradedError):
            await b.join(token)
        assert await members(impostor) == set()


async def test_only_a_leader_that_listens_invites(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        with pytest.raises(DeniedError):
            await b.invite()
        with pytest.raises(UsageError):
            await a.invite(role="emperor")
        with pytest.raises(UsageError):
            await a.invite(ttl_s=0)
        await a.go_offline()
        with pytest.raises(DegradedError):
            await a.invite()
        with pytest.raises(DegradedError):
            await a.join(await _token_of(cluster))


async def _token_of(cluster: Cluster) -> str:
    async with cluster.open("other") as other:
        return await other.invite()


async def test_an_observer_reads_and_its_writes_are_denied(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.join(await a.invite(role="observer"))
        await a.remember("look")
        await converged(a, b)
        assert await contents(b) == ["look"]
        with pytest.raises(DeniedError):
            await b.remember("touch")
        assert await agree(a, b)


async def test_earlier_memories_stay_local_and_are_counted(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.remember("mine, from before")
        result = await b.join(await a.invite())
        assert (result.brought, result.left_behind) == (0, 1)
        assert (await b.status()).earlier_memories == 1
        await converged(a, b)
        assert await contents(a) == []


@pytest.mark.slow
async def test_bring_takes_them_along_once(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        for number in range(300):
            await b.remember(f"fact {number}", tags={"t"}, metadata={"n": number})
        await b.archive((await b.remember("archived")).id)
        await b.forget((await b.remember("forgotten")).id)
        token = await a.invite()
        result = await b.join(token, bring=True)
        assert (result.brought, result.left_behind) == (301, 0)
        assert (await b.join(token, bring=True)).brought == 0
        assert (await b.status()).earlier_memories == 0
        await converged(a, b)
        found = [e for e in await a.list(limit=1000) if e.tags == ("t",)]
        assert len(found) == 300
        assert {e.metadata["n"] for e in found} == set(range(300))
        assert [e.content for e in await a.list(life="archived")] == ["archived"]


async def test_a_joiner_with_a_full_disk_may_try_again(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        token = await a.invite()

        async def full(*_: object, **__: object) -> None:
            raise DegradedError("the disk is full")

        works, a._core.store.submit = a._core.store.submit, full  # type: ignore[method-assign,assignment] # pyright: ignore - a disk that fails
        with pytest.raises(EngramError):
            await b.join(token)
        a._core.store.submit = works  # type: ignore[method-assign]
        await b.join(token)
        await converged(a, b)


async def test_a_member_may_not_admit(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.nodes() as (a, b):
        token = await a.invite()
        await a.go_offline()
        stranger = await Speaker.dial(cluster, to="b", name="stranger")
        answer = await stranger.join(token)
        assert not answer.accepted
        assert answer.secret is None
        assert answer.credentials == ()
        assert len(await members(b)) == 1


@pytest.mark.parametrize(
    "label", ["Ann\u00a0laptop", "\u7814\u7a76\u3000\u5ba4", "a\u200db", "\ue000"]
)
async def test_a_label_that_no_peer_would_take_is_refused_where_it_is_chosen(
    cluster: Cluster, autojump_clock: MockClock, label: str
) -> None:
    async with cluster.open("b", online=False) as b:
        with pytest.raises(UsageError, match="cannot be a label") as refused:
            await b.relabel(label)
        assert "plain spaces" in str(refused.value.hint)
        assert "\\" not in refused.value.message, "what is escaped is escaped where it is printed"


async def test_a_label_of_any_version_of_unicode_is_taken_by_all(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.relabel("shaking \U0001fae8 and not assigned \U0001fbff")
        assert (await b.join(await a.invite())).role == "member"


async def test_a_secret_that_the_charter_does_not_commit_to_is_not_taken(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        core, scope = a._core, a._core.facts.agent_scope
        row = await core.read(lambda reader: next(r for r in reader.scopes() if r.id == scope))
        await core.write(lambda tx: tx.update_scope(row._replace(secret=bytes(32))))
        with pytest.raises(RemoteError, match="charter commits to"):
            await b.join(await a.invite())


@pytest.mark.slow
async def test_a_join_shows_any_number_of_admissions_page_by_page(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A page of a few admissions, and room for three of them on their way.
    monkeypatch.setattr(_joining, "CREDENTIALS_BYTES", 16 << 10)
    monkeypatch.setattr(_connection, "OUTBOUND_ROOM_BYTES", 32 << 10)
    monkeypatch.setattr(_connection, "OUTBOUND_BYTES_MAX", 64 << 10)
    monkeypatch.setattr(_redeeming, "PAGE_FRAMES", 1)
    async with cluster.open("a") as a, cluster.open("b") as b:
        scope, core = a._core.facts.agent_scope, a._core
        keys = [crypto_sign_seed_keypair(bytes((n % 256, n // 256)) * 16)[0] for n in range(1, 601)]
        for first in range(0, len(keys), 50):
            drafts = [
                admit_draft(Admission(key, MemberRole.MEMBER, scope), "crowd")
                for key in keys[first : first + 50]
            ]
            await core.write(partial(core.path.write, scope=scope, drafts=drafts, domain=1))
        await b.join(await a.invite())
        await a.remember("for all of them")
        await converged(a, b)
        assert len(b._core.path.members(scope)) == 602
        assert await contents(b) == ["for all of them"]
