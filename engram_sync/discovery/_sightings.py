"""From the announcement thread to the node's: bounded, and nothing waits for anything."""

import queue
from collections.abc import Sequence

import trio

from engram_sync.address import Address

from ._announcement import addresses_untrusted, is_own
from ._discovery import Sighting
from ._limits import NAMES_MAX, PENDING_MAX


class Mailbox:
    """Turns announcements into sightings and hands them over.

    `announced` and `withdrawn` belong to one foreign thread, `connect` and `disconnect` to trio's.

    Args:
        own_name: The name this node announces; nothing by it is ever sighted.
    """

    def __init__(self, own_name: str) -> None:
        self.ignored = 0
        """Announcements that led to no address."""
        self._own_name = own_name
        self._live: dict[str, tuple[Address, ...]] = {}
        self._pending: queue.Queue[Sighting] = queue.Queue(PENDING_MAX)
        # Two counters, because two threads count.
        self._dropped_outside = 0
        self._dropped_inside = 0
        self._channel: trio.MemorySendChannel[Sighting] | None = None
        self._token: trio.lowlevel.TrioToken | None = None

    @property
    def dropped(self) -> int:
        """Sightings lost because nobody took them or there were too many."""
        return self._dropped_outside + self._dropped_inside

    def connect(
        self, channel: "trio.MemorySendChannel[Sighting]", token: trio.lowlevel.TrioToken
    ) -> None:
        """Deliver to ``channel`` from now on."""
        self._channel, self._token = channel, token

    def disconnect(self) -> None:
        """Deliver nothing any more."""
        self._channel = None

    def wants(self, name: str) -> bool:
        """Whether an announcement of that name is worth resolving; counts those that are not."""
        if is_own(name, self._own_name):
            return False
        if name not in self._live and len(self._live) >= NAMES_MAX:
            self._dropped_outside += 1
            return False
        return True

    def announced(
        self,
        name: str,
        port: int | None,
        hosts: Sequence[str],
        txt: "dict[bytes, bytes | None]",
        *,
        loopback: bool,
    ) -> None:
        """A wanted name, now resolved: report what is new and what is no longer there."""
        addresses = addresses_untrusted(port, hosts, txt, loopback=loopback)
        if not addresses:
            self.ignored += 1
        before = self._live.pop(name, ())
        if addresses:
            self._live[name] = addresses
        for address in addresses:
            if address not in before:
                self._report(Sighting(address, "mdns", name))
        for address in before:
            if address not in addresses:
                self._report(Sighting(address, "mdns", name, gone=True))

    def withdrawn(self, name: str) -> None:
        """The node said goodbye, or its announcement ran out."""
        for address in self._live.pop(name, ()):
            self._report(Sighting(address, "mdns", name, gone=True))

    def _report(self, sighting: Sighting) -> None:
        try:
            self._pending.put_nowait(sighting)
        except queue.Full:
            self._dropped_outside += 1
            return
        if self._token is not None:
            try:
                # Idempotent, so that a flood queues one call and not one per packet.
                self._token.run_sync_soon(self._deliver, idempotent=True)
            except trio.RunFinishedError:
                return  # The program ends; nobody is left to be told.

    def _deliver(self) -> None:
        while True:
            try:
                sighting = self._pending.get_nowait()
            except queue.Empty:
                return
            if self._channel is None:
                continue
            try:
                self._channel.send_nowait(sighting)
            except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
                self._dropped_inside += 1
