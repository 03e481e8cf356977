"""Whom to call, and when: addresses, where they came from, failures and backoff.

Pure: the driver says what happened and when, and asks what is due.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engram_sync.sync._limits import (
    CONTACTS_MAX,
    DIALS_MAX,
    SIGHTING_FAILURES_MAX,
    TAKEN_BACKOFF_S,
    Timing,
)


@dataclass(slots=True)
class Contact:
    """One address at which a node may be found."""

    address: str
    via: str
    """static, token or mdns."""
    key: bytes | None = None
    """The key that answered there last; None before the first handshake."""
    failures: int = 0
    """Consecutive failures."""
    due_at: float = 0.0
    dialing: bool = False
    stranger: bool = False
    """Whoever answered there last shared nothing with us."""
    last_error: str = ""


class PeerTable:
    """All contacts of a node and their backoff.

    Args:
        jitter: Draws from [0, 1); supplied from outside so that a simulation repeats.
    """

    def __init__(
        self, own_key: bytes, *, jitter: Callable[[], float], intervals: Timing | None = None
    ) -> None:
        self._intervals = intervals or Timing()
        self._own_key = own_key
        self._jitter = jitter
        self._contacts: dict[str, Contact] = {}
        self._connected: set[bytes] = set()
        self.dropped = 0
        """Sightings not kept because the table was full."""

    def contacts(self) -> Iterable[Contact]:
        """Every contact, in order of first sight."""
        return self._contacts.values()

    def sighted(self, address: str, *, via: str, now: float, key: bytes | None = None) -> None:
        """An address was configured, announced or remembered.

        A sighting is a hint only: it grants nothing.  A fresh one makes a failing contact due.
        """
        contact = self._contacts.get(address)
        if contact is None:
            if len(self._contacts) >= CONTACTS_MAX:
                self.dropped += 1
                return
            contact = self._contacts[address] = Contact(address=address, via=via, due_at=now)
        if key is not None:
            contact.key = key
        if via != "mdns":
            contact.via = via  # What somebody told us outlives an announcement.
        if contact.failures:
            contact.due_at = min(contact.due_at, now + self._backoff(1))

    def due(self, now: float) -> list[Contact]:
        """Contacts to dial now, as many as may be dialled at once; each is marked as such.

        What somebody told us goes before what anybody on the LAN can announce.
        """
        ready = [c for c in self._contacts.values() if self._wanted(c) and c.due_at <= now]
        ready.sort(key=lambda contact: contact.via == "mdns")
        del ready[self._room() :]
        for contact in ready:
            contact.dialing = True
        return ready

    def next_deadline(self) -> float | None:
        """When ``due`` may next return something; None when only an event can change that."""
        if not self._room():
            return None
        waiting = [c.due_at for c in self._contacts.values() if self._wanted(c)]
        return min(waiting, default=None)

    def connected(self, key: bytes, *, address: str | None = None) -> None:
        """A handshake proved ``key``; ``address`` is the contact we dialled, if we did."""
        if key != self._own_key:
            self._connected.add(key)
        contact = self._contacts.get(address) if address is not None else None
        if contact is not None:
            contact.key, contact.dialing, contact.stranger = key, False, False
            contact.last_error = ""

    def disconnected(
        self, key: bytes, *, now: float, failed: bool = False, taken: bool = False
    ) -> None:
        """The last connection to ``key`` ended; its contacts are due after a short pause.

        Args:
            failed: It ended by an error before both sides agreed: the pause grows, or two nodes
                that cannot work together would call each other for ever.
            taken: The peer has another connection with a node of this node's key, a copy.  The
                pause grows, or the two would take it from each other for ever; not so far that
                either waits long for its turn.
        """
        self._connected.discard(key)
        for contact in self._contacts.values():
            if contact.key == key and not contact.dialing:
                contact.failures = contact.failures + 1 if failed or taken else 0
                pause = self._backoff(max(1, contact.failures))
                contact.due_at = now + (min(pause, TAKEN_BACKOFF_S) if taken else pause)

    def failed(self, address: str, *, now: float, error: str, stranger: bool = False) -> None:
        """Dialling ended without a useful session; strangers wait for the longest time."""
        contact = self._contacts.get(address)
        if contact is None:
            return
        contact.dialing = False
        contact.failures += 1
        contact.last_error = error
        contact.stranger = stranger
        if contact.via == "mdns" and contact.failures > SIGHTING_FAILURES_MAX:
            # The announcement outlived its node; a living one announces itself again.
            del self._contacts[address]
            return
        contact.due_at = now + (
            self._intervals.backoff_max_s if stranger else self._backoff(contact.failures)
        )

    def is_due_again(self, contact: Contact) -> bool:
        """Whether a contact that failed is still known and will be tried again."""
        return self._contacts.get(contact.address) is contact and contact.key != self._own_key

    def gone(self, address: str) -> None:
        """An announcement was taken back; a contact that nothing else knows is forgotten."""
        contact = self._contacts.get(address)
        if contact is not None and contact.via == "mdns" and not contact.dialing:
            del self._contacts[address]

    def admitted(self, *, now: float) -> None:
        """Somebody was admitted to a scope, here or there: strangers may not be strangers now."""
        for contact in self._contacts.values():
            if contact.stranger:
                contact.stranger = False
                contact.due_at = min(contact.due_at, now + self._backoff(1))

    def retry_all(self, now: float) -> None:
        """Make every contact due, whatever its backoff (the user asked, or we are back online)."""
        for contact in self._contacts.values():
            contact.due_at = now

    def contact_of(self, key: bytes) -> Contact | None:
        """The contact at which ``key`` answered last."""
        return next((c for c in self._contacts.values() if c.key == key), None)

    def _room(self) -> int:
        dialing = sum(contact.dialing for contact in self._contacts.values())
        return max(0, DIALS_MAX - dialing)

    def _wanted(self, contact: Contact) -> bool:
        return (
            not contact.dialing
            and contact.key != self._own_key
            and contact.key not in self._connected
        )

    def _backoff(self, failures: int) -> float:
        # Full jitter over the upper half keeps two nodes from calling each other in step.
        doubled = self._intervals.backoff_min_s * 2.0 ** min(failures - 1, 16)
        ceiling = min(self._intervals.backoff_max_s, doubled)
        return ceiling * (0.5 + 0.5 * self._jitter())
