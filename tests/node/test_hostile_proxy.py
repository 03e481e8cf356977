"""Whatever a middle does to the bytes of an exchange, nothing is lost and the nodes go on.

Above TLS, where the node's own guards have to hold: under TLS not a single flipped bit gets this
far.  Each case is one connection that is meddled with and the ones that follow it.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import pytest
from trio.testing import MockClock

from engram_sync.node import Node
from engram_sync.testing import Cluster, converged, until
from tests.seeds import chosen

from .saboteur import Deed, Order, Saboteur, Way


@asynccontextmanager
async def meddled_pair(cluster: Cluster) -> AsyncGenerator["Exchanges"]:
    """Two nodes that know each other, with a saboteur on the way from b to a."""
    saboteur = Saboteur()
    cluster.tap = lambda name, transport: saboteur(transport) if name == "b" else transport
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await b.join(await a.invite())
        await converged(a, b)
        yield Exchanges(a, b, saboteur)


class Exchanges:
    """Meets the two nodes again and again, each time with something new on both sides."""

    def __init__(self, a: Node, b: Node, saboteur: Saboteur) -> None:
        self.a, self.b, self.saboteur = a, b, saboteur
        self.written: list[str] = []

    async def meet(self, order: Order | None) -> None:
        """Part, write on both sides, meet under that order, and wait until both agree."""
        await self.b.go_offline()
        await until(self._parted)
        for node, name in ((self.a, "a"), (self.b, "b")):
            self.written.append(f"{name} {len(self.written)}")
            await node.remember(self.written[-1])
        self.saboteur.order = order
        await self.b.go_online()
        await converged(self.a, self.b)

    async def _parted(self) -> bool:
        return not any(peer.connected for peer in await self.a.peers())

    async def judge(self, orders: Iterable[Order]) -> None:
        """Everything that was written is on both sides, whatever was done on the way."""
        for order in orders:
            await self.meet(order)
            assert self.saboteur.order is None, order
        assert self.saboteur.done
        await self.meet(None)
        for node in (self.a, self.b):
            assert await _everything(node) == set(self.written)
            assert (await node.status()).problems == ()


async def _everything(node: Node) -> set[str]:
    """The contents of all memories of the agent."""
    found: set[str] = set()
    after: str | None = None
    while page := await node.list(limit=1000, scope="agent", after=after):
        found |= {engram.content for engram in page}
        after = page[-1].id
    return found


@pytest.mark.slow
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name)
@pytest.mark.parametrize(
    ("deed", "first", "step"),
    # All cuts in one test would take minutes where several test runs share a machine.  `make test`
    # cuts at every third byte, and all bytes take their turn with SEEDS=all.  Flips are
    # sampled, at a step that meets every byte of a field in turn: the fuzz targets of frames and
    # sessions search among them for as long as one likes.
    [*((Deed.CUT, first, 6) for first in chosen((0, 3), of=tuple(range(6)))), (Deed.FLIP, 0, 11)],
    ids=lambda value: value.name if isinstance(value, Deed) else str(value),
)
async def test_nothing_is_lost_by_meddling_with_any_byte_of_an_exchange(
    cluster: Cluster, autojump_clock: MockClock, deed: Deed, first: int, step: int, way: Way
) -> None:
    async with meddled_pair(cluster) as exchanges:
        await exchanges.meet(None)
        places = range(first, exchanges.saboteur.seen[way], step)
        await exchanges.judge(Order(deed, way, place) for place in places)
        # The last bytes of a longer exchange may be missed, no more.
        assert exchanges.saboteur.done >= 0.9 * len(places)


@pytest.mark.parametrize("way", Way, ids=lambda way: way.name)
@pytest.mark.parametrize("deed", [Deed.REPEAT, Deed.SWAP], ids=lambda deed: deed.name)
async def test_nothing_is_lost_by_repeating_or_swapping_any_piece(
    cluster: Cluster, autojump_clock: MockClock, deed: Deed, way: Way
) -> None:
    async with meddled_pair(cluster) as exchanges:
        await exchanges.meet(None)
        pieces = exchanges.saboteur.pieces[way]
        assert pieces >= 3
        await exchanges.judge(Order(deed, way, place) for place in range(pieces))
