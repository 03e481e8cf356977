"""Asking one peer for the payloads that are owed in one scope."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from engram_sync.sync._effects import Effect, ReadOwed, Send, StorePayloads
from engram_sync.sync._limits import (
    OWED_PATIENCE_MAX,
    OWED_READ_MAX,
    PAYLOADS_BYTES_MIN,
)
from engram_sync.sync._view import ScopeView
from engram_wire import WANTED_PAYLOADS_MAX, PayloadRequest, PayloadResponse, ProtocolError

Position = tuple[bytes, int]
"""(log, seq)."""


@dataclass(slots=True)
class OwedFetch:
    """One thing at a time: read what is owed, ask for some of it, store what came, ask for more.

    What the peer does not have is not asked again at once: another peer may have it, and this one
    may get it later.
    """

    scope: bytes
    busy: bool = False
    """Whether something is being read, asked for or stored."""
    asked: deque[Position] = field(default_factory=deque[Position])
    """What the open request names and was not answered yet, in order; its number is ``number``."""
    number: int = 0
    queue: deque[Position] = field(default_factory=deque[Position])
    """What is asked for next."""
    absent: set[Position] = field(default_factory=set[Position])
    """What the peer said it does not have."""
    owed: int = 0
    """How many payloads were owed when all that was owed had been asked for; 0 to ask anew."""
    lacking: int = 0
    """How many of those that are owed the peer was asked for and did not have."""
    patience: int = 1
    """Comparisons to wait until the peer is asked again for what it did not have."""
    waited: int = 0

    def wanted(self, view: ScopeView) -> list[Effect]:
        """Begin, if anything is owed that the peer was not asked for."""
        self.lacking = min(self.lacking, view.owed)
        if self.busy or view.owed in (0, self.owed):
            return []
        self.busy = True
        return [ReadOwed(self.scope, OWED_READ_MAX)]

    def told_all(self, view: ScopeView) -> bool:
        """Whether the peer has nothing of what is owed, by its own word."""
        return view.owed <= self.lacking

    def compared(self, view: ScopeView) -> list[Effect]:
        """Some time has passed with the peer: it may have got what it did not have."""
        if self.busy or not view.owed:
            return []
        self.waited += 1
        if self.waited < self.patience:
            return []
        self.waited, self.patience = 0, min(2 * self.patience, OWED_PATIENCE_MAX)
        self.absent.clear()
        self.owed = 0
        return self.wanted(view)

    def read(self, owed: Iterable[Position], number: int, view: ScopeView) -> list[Effect]:
        """What is owed was read."""
        room = OWED_READ_MAX - len(self.absent)
        self.queue.extend([position for position in owed if position not in self.absent][:room])
        return self.ask(number, view)

    def ask(self, number: int, view: ScopeView) -> list[Effect]:
        """Ask for the next ones, if there are any; ``number`` is one that is free."""
        if not self.queue:
            self.busy = False
            self.owed = self.lacking = view.owed
            return []
        count = min(len(self.queue), WANTED_PAYLOADS_MAX)
        wanted = tuple(self.queue.popleft() for _ in range(count))
        self.number = number
        self.asked.extend(wanted)
        return [Send(PayloadRequest(number, self.scope, wanted))]

    def stop(self) -> list[Effect]:
        """The peer may not read the scope any more: it is not even named to it."""
        self.busy = False
        self.queue.clear()
        return []

    def answered_untrusted(self, message: PayloadResponse) -> list[Effect]:
        """Take an answer; what it does not reach is asked for again, at once if it is a full one.

        Raises:
            WireError: It is no answer to the beginning of what was asked.
        """
        found: list[tuple[bytes, int, bytes]] = []
        for log, seq, payload in message.payloads:
            if not self.asked or self.asked[0] != (log, seq):
                raise ProtocolError(f"a payload of {seq} of log {log.hex()[:16]} out of turn")
            self.asked.popleft()
            if payload is None:
                self.absent.add((log, seq))
            else:
                found.append((log, seq, payload))
        if sum(len(payload) for _, _, payload in found) < PAYLOADS_BYTES_MIN:
            self.absent.update(self.asked)
        else:
            self.queue.extendleft(reversed(self.asked))
        self.asked.clear()
        return [StorePayloads(self.scope, tuple(found))]
