"""A thousand scopes that two nodes share are all synced over one connection."""

import pytest
from trio.testing import MockClock

from engram_sync.api import Scope
from engram_sync.ledger import Draft
from engram_sync.membership import charter_draft, commitment_to, found
from engram_sync.node import Node
from engram_sync.node.limits import OUTBOUND_BYTES_MAX
from engram_sync.node.writing.scopes import add_scope
from engram_sync.node.writing.write_path import Arrival
from engram_sync.store import Transaction
from engram_sync.testing import Cluster, until
from engram_wire import LogDomain, RecordKind, cbor

from .tap import Tap
from .test_cut_off import frames_of_log

SCOPES = 1_000
SECRET = bytes(32)
MESSAGES_PER_SCOPE = 12
BYTES_PER_SCOPE = 4_096

pytestmark = pytest.mark.slow


async def found_all(a: Node, b: Node) -> list[bytes]:
    """Found scopes that both lead, hold all of them on both, and write something to each on a."""
    path, keys = a._core.path, [node._core.key.public for node in (a, b)]
    arrivals = list[Arrival]()
    scopes = list[bytes]()

    def here(tx: Transaction) -> None:
        for number in range(SCOPES):
            nonce, commitment = number.to_bytes(16, "big"), commitment_to(SECRET)
            charter = found(
                str(Scope.COLLECTIVE), keys[0], nonce=nonce, leaders=keys, commitment=commitment
            )
            scope = charter.scope_id()
            scopes.append(scope)
            add_scope(tx, path, scope, Scope.COLLECTIVE, SECRET, current=False)
            batch = path.write(tx, scope, [charter_draft(charter, "a")], LogDomain.MEMBERS)
            row = tx.log(batch.log.n)
            assert row is not None
            arrivals.extend(frames_of_log(tx, row, scope))
            puts = (("r/content", cbor.encode(f"memory {number}")),)
            path.write(tx, scope, [Draft(RecordKind.CREATE, number.to_bytes(16, "big"), puts)])

    def there(tx: Transaction) -> None:
        other = b._core.path
        for scope in scopes:
            add_scope(tx, other, scope, Scope.COLLECTIVE, SECRET, current=False)
        assert other.ingest(tx, arrivals).error is None

    await a._core.write(here)
    await b._core.write(there)
    return scopes


async def agree(*nodes: Node) -> bool:
    """Whether each node finds that the only other one holds the same of every scope."""
    exchanges = [
        c.exchange for node in nodes for c in node._controller.network.connections.values()
    ]
    return [len(exchange.synced_scopes) for exchange in exchanges] == [SCOPES] * len(nodes)


async def test_a_thousand_scopes_are_synced_in_one_session_and_cost_what_each_costs(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    cluster.tap = tap = Tap()
    async with cluster.open("a", online=False) as a, cluster.open("b", online=False) as b:
        scopes = await found_all(a, b)
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await until(lambda: agree(a, b))
        for node in (a, b):
            held = {s.id: (s.engrams, s.synced_peers) for s in (await node.status()).scopes}
            assert all(held[scope.hex()] == (1, 1) for scope in scopes)
        assert len(tap.streams) == 2, "one link, in both directions"
        assert len(tap.sends) < MESSAGES_PER_SCOPE * SCOPES
        assert sum(len(data) for _, data in tap.streams) < BYTES_PER_SCOPE * SCOPES
        assert max(len(data) for _, _, data in tap.sends) < OUTBOUND_BYTES_MAX
        # Another memory costs what it costs, whatever else is shared.
        before = len(tap.sends)
        core, puts = a._core, (("r/content", cbor.encode("another one")),)
        draft = Draft(RecordKind.CREATE, b"e" * 16, puts)
        await core.write(lambda tx: core.path.write(tx, scopes[0], [draft]))

        async def arrived() -> bool:
            return await agree(a, b) and a._core.scopes[scopes[0]].engrams == 2

        await until(arrived)
        assert len(tap.sends) - before < MESSAGES_PER_SCOPE
