"""Multicast DNS on the local network, over zeroconf's own thread."""

import base64
import logging
import secrets
from collections.abc import Sequence
from dataclasses import replace

import trio

from engram_sync.address import Address

from ._discovery import DiscoveryState, Sighting
from ._limits import START_S_MAX, STOP_S_MAX
from ._responder import Responder, ResponderError
from ._sightings import Mailbox

logger = logging.getLogger(__name__)


class MdnsDiscovery:
    """Announces this node on the local network, and sees others that do.

    Announced are the ports and addresses listened on, the protocol version, and a random name that
    lives as long as this object: nothing that tells who the node is or what it holds.

    Args:
        interfaces: Addresses of the interfaces to speak on.  None means those listened on; a
            node that listens on all addresses speaks on all but the loopback interface.
    """

    def __init__(self, interfaces: Sequence[str] | None = None) -> None:
        self._interfaces = interfaces
        self._name = base64.b32encode(secrets.token_bytes(10)).decode().lower()
        self._state = DiscoveryState("mdns", available=False, reason="not started")
        self._mailbox = Mailbox(self._name)

    @property
    def state(self) -> DiscoveryState:
        """As of now: not announcing until the name has been probed for, about 1.5 s."""
        return self._state

    @property
    def dropped(self) -> int:
        """Sightings lost because nobody took them or there were too many."""
        return self._mailbox.dropped

    @property
    def ignored(self) -> int:
        """Announcements that were malformed, of another version, or of useless addresses."""
        return self._mailbox.ignored

    async def run(
        self,
        listening: Sequence[Address],
        sightings: "trio.MemorySendChannel[Sighting]",
        *,
        task_status: "trio.TaskStatus[DiscoveryState]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """See `Discovery.run`.  Where multicast does not work, its state says so and why."""
        async with sightings:
            responder = Responder(self._name, self._mailbox)
            try:
                await self._open(responder, listening, sightings)
                task_status.started(self._state)
                if self._state.available:
                    await self._announce(responder, listening)
                await trio.sleep_forever()
            finally:
                self._state = replace(
                    self._state, available=False, announcing=False, reason="stopped"
                )
                self._mailbox.disconnect()
                await _close(responder)

    async def _open(
        self,
        responder: Responder,
        listening: Sequence[Address],
        sightings: "trio.MemorySendChannel[Sighting]",
    ) -> None:
        self._mailbox.connect(sightings, trio.lowlevel.current_trio_token())
        try:
            with trio.fail_after(START_S_MAX):
                await trio.to_thread.run_sync(
                    responder.open, list(listening), self._interfaces, abandon_on_cancel=True
                )
        except ResponderError as error:
            self._unavailable(str(error))
        except trio.TooSlowError:
            self._unavailable(f"opening the multicast sockets took more than {START_S_MAX:g} s")
        else:
            self._state = DiscoveryState("mdns", available=True, reason="probing for the name")

    async def _announce(self, responder: Responder, listening: Sequence[Address]) -> None:
        try:
            announcing = await trio.to_thread.run_sync(
                responder.announce, list(listening), abandon_on_cancel=True
            )
        except ResponderError as error:
            logger.warning("not announced by mDNS: %s", error)
            self._state = replace(self._state, reason=str(error))
            return
        reason = "" if announcing else "not listening on any of the interfaces"
        self._state = replace(self._state, announcing=announcing, reason=reason)

    def _unavailable(self, reason: str) -> None:
        logger.warning("mDNS is not available: %s", reason)
        self._state = DiscoveryState("mdns", available=False, reason=reason)


async def _close(responder: Responder) -> None:
    """Say goodbye and free the sockets, also while being cancelled; give up at the deadline."""
    with trio.move_on_after(STOP_S_MAX, shield=True) as deadline:
        await trio.to_thread.run_sync(responder.close, abandon_on_cancel=True)
    if deadline.cancelled_caught:
        logger.warning("mDNS did not stop within %g s; its thread is left behind", STOP_S_MAX)
