"""Who may wait at the door: bounds what peers cost before they have proven who they are."""

import ipaddress
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from engram_sync.address import Address

from ._link import Link, TransportStatistics

logger = logging.getLogger(__name__)


class Slot:
    """The place of one inbound link; each call counts once, however often it is made."""

    __slots__ = ("_leave", "_prove")

    def __init__(self, prove: Callable[[], None], leave: Callable[[], None]) -> None:
        self._prove: Callable[[], None] | None = prove
        self._leave: Callable[[], None] | None = leave

    def prove(self) -> None:
        """Make room for the next stranger: this one is known now."""
        if self._prove is not None:
            prove, self._prove = self._prove, None
            prove()

    def leave(self) -> None:
        """The link has ended."""
        self.prove()
        if self._leave is not None:
            leave, self._leave = self._leave, None
            leave()


class ConnectionLimiter:
    """Counts the links inside and the strangers among them, in total and by where they come from.

    Args:
        strangers_max: Places for strangers in total.
        strangers_per_address_max: The same for one IPv4 address, IPv6 /64 or name.
        links_per_address_max: Places for all links from there, proven or not.
    """

    def __init__(
        self, *, strangers_max: int, strangers_per_address_max: int, links_per_address_max: int
    ) -> None:
        self.statistics = TransportStatistics()
        self._strangers_max = strangers_max
        self._strangers_per_address_max = strangers_per_address_max
        self._links_per_address_max = links_per_address_max
        self._strangers: Counter[str] = Counter()
        self._links: Counter[str] = Counter()

    def admit(self, remote: Address) -> Slot | None:
        """A place for a connection from ``remote``, or None (counted) when there is none."""
        origin = _origin(remote.host)
        if (
            self._strangers[origin] >= self._strangers_per_address_max
            or self._links[origin] >= self._links_per_address_max
        ):
            self.statistics.refused_for_address += 1
            return None
        if self._strangers.total() >= self._strangers_max:
            self.statistics.refused += 1
            return None
        self._strangers[origin] += 1
        self._links[origin] += 1
        return Slot(
            partial(_one_less, self._strangers, origin), partial(_one_less, self._links, origin)
        )

    async def hand_over(self, link: Link, handler: Callable[[Link], Awaitable[None]]) -> None:
        """Run ``handler`` for ``link``; its exceptions end here, counted and logged."""
        self.statistics.accepted += 1
        try:
            await handler(link)
        # A star, because a handler with a nursery that is cancelled while it fails raises a group
        # of both; the cancellation must pass and the failure must not.
        except* trio.BrokenResourceError:
            self.statistics.cut += 1
        except* Exception:
            self.statistics.handlers_failed += 1
            logger.exception("the handler of a link from %s failed", link.remote)


def _one_less(counts: Counter[str], origin: str) -> None:
    counts[origin] -= 1
    # Addresses are the peer's choice: one that is gone must not stay in memory.
    if not counts[origin]:
        del counts[origin]


def _origin(host: str) -> str:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return host
    if ip.version == 4 or ip.is_link_local:
        return host
    # One subscriber holds at least a /64 and can use a new address for every connection.
    return str(ipaddress.IPv6Network((ip.packed[:8] + bytes(8), 64)))
