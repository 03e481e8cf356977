"""What every discovery offers, and the two that need no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import trio

from engram_sync.address import Address


@dataclass(frozen=True, slots=True)
class Sighting:
    """Somebody says that a node is, or no longer is, at an address.  Proves nothing."""

    address: Address
    via: Literal["mdns", "static"]
    name: str
    """Equal for all addresses of one announcement; random, never a node's id."""
    gone: bool = False
    """Whether the announcement was taken back."""


@dataclass(frozen=True, slots=True)
class DiscoveryState:
    """What a discovery can do now."""

    kind: Literal["mdns", "static", "none"]
    available: bool
    """Whether it can see anybody."""
    announcing: bool = False
    """Whether others can see this node through it."""
    reason: str = ""
    """Why it is not available or not announcing; empty when there is nothing to explain."""


class Discovery(Protocol):
    """Finds addresses of other nodes."""

    @property
    def state(self) -> DiscoveryState:
        """As of now."""
        ...

    @property
    def dropped(self) -> int:
        """Sightings lost because nobody took them or there were too many."""
        ...

    async def run(
        self,
        listening: Sequence[Address],
        sightings: "trio.MemorySendChannel[Sighting]",
        *,
        task_status: "trio.TaskStatus[DiscoveryState]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Announce ``listening``, where it announces at all, and report sightings.

        Starts even when it cannot do its work: the reported state says so, and the node goes on
        without.  Runs until cancelled and ends within a few seconds then.  Run it once.

        Resource handling: closes ``sightings`` when it ends (pass a clone to keep sending).

        Error handling: nothing that arrives from the network, and no failure to use the network,
        leaves as an exception.
        """
        ...


class NoDiscovery:
    """Finds nobody."""

    @property
    def state(self) -> DiscoveryState:
        """As of now."""
        return DiscoveryState("none", available=False, reason="discovery is switched off")

    @property
    def dropped(self) -> int:
        """Nothing is ever lost."""
        return 0

    async def run(
        self,
        listening: Sequence[Address],  # noqa: ARG002 - the protocol's
        sightings: "trio.MemorySendChannel[Sighting]",
        *,
        task_status: "trio.TaskStatus[DiscoveryState]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """See `Discovery.run`."""
        async with sightings:
            task_status.started(self.state)
            await trio.sleep_forever()


class StaticDiscovery:
    """Sees the addresses it was given, once, at the start; the node keeps dialling them.

    Args:
        addresses: Where other nodes are configured to be.
    """

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = tuple(dict.fromkeys(addresses))

    @property
    def state(self) -> DiscoveryState:
        """As of now."""
        reason = "" if self._addresses else "no addresses of peers are configured"
        return DiscoveryState("static", available=bool(self._addresses), reason=reason)

    @property
    def dropped(self) -> int:
        """Nothing is ever lost: it waits until each is taken."""
        return 0

    async def run(
        self,
        listening: Sequence[Address],
        sightings: "trio.MemorySendChannel[Sighting]",
        *,
        task_status: "trio.TaskStatus[DiscoveryState]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """See `Discovery.run`.  The node's own address among them is left out."""
        async with sightings:
            task_status.started(self.state)
            for address in self._addresses:
                if address not in listening:
                    await sightings.send(Sighting(address, "static", str(address)))
            await trio.sleep_forever()
