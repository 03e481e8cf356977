"""What is said of nodes that two leaders admitted at once with an invite for one."""

from nacl.bindings import crypto_sign_seed_keypair
from trio.testing import MockClock

from engram_sync.membership import Admission, MemberRole, admit_draft, make_proof
from engram_sync.model.ids import node_text
from engram_sync.node import Node
from engram_sync.testing import Cluster, agent_scope, converged, until
from engram_wire import LogDomain

SEED = b"i" * 32
SESSION = b"s" * 32


async def redeem(node: Node, name: str) -> bytes:
    """Admit somebody by an invite that another leader redeems too; the new member's key."""
    core, scope = node._core, bytes.fromhex((await agent_scope(node)).id)
    key, _ = crypto_sign_seed_keypair(name.encode().ljust(32))
    invite, _ = crypto_sign_seed_keypair(SEED)
    proof = make_proof(SEED, scope=scope, key=key, session=SESSION)
    draft = admit_draft(Admission(key, MemberRole.MEMBER, key, invite, 1, proof, SESSION), name)
    await core.write(lambda tx: core.path.write(tx, scope, [draft], LogDomain.MEMBERS))
    return key


async def test_status_names_who_was_let_go_alike_on_every_node_until_it_is_admitted_again(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await b.join(await a.invite(role="leader"))
        await converged(a, b)
        await a.go_offline()
        cay, dan = await redeem(a, "cay"), await redeem(b, "dan")
        assert (await a.status()).let_go == (await b.status()).let_go == ()
        await a.go_online()

        async def met() -> bool:
            return bool((await a.status()).let_go and (await b.status()).let_go)

        await until(met)
        (gone,) = (await a.status()).let_go
        assert (gone,) == (await b.status()).let_go
        named = {node_text(cay): (cay, "cay"), node_text(dan): (dan, "dan")}
        key, label = named[gone.node]
        assert gone.label == label
        core, scope = a._core, bytes.fromhex(gone.scope)
        again = admit_draft(Admission(key, MemberRole.MEMBER, key), label)
        await core.write(lambda tx: core.path.write(tx, scope, [again], LogDomain.MEMBERS))
        assert (await a.status()).let_go == ()
