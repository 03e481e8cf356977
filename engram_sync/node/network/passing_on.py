"""What members refuse of the logs of others: passed on from node to node until it is settled.

Whoever refuses a record and its author need not know each other, and need not be here at the same
time.  So it goes to everybody who shares the scope, and outlasts the connection over which it came.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import trio

from engram_sync.node.core import Core
from engram_sync.node.limits import REFUSALS_HEARD_MAX, REFUSALS_PASS_ON_S
from engram_sync.node.network.connection import Connection
from engram_sync.sync import ScopeView, Send
from engram_wire import REFUSALS_MAX, RefusalNotification, Rejection

Name = tuple[bytes, bytes]
"""A scope and a log."""


@dataclass(slots=True)
class _Heard:
    """The earliest record of a log that somebody refuses."""

    author: bytes
    by: bytes
    """Who said so here; it may have been told in its turn."""
    rejection: Rejection
    told: dict[bytes, Connection] = field(default_factory=dict[bytes, Connection])
    """By peer: to whom it was passed on, and over which connection."""


class PassingOn:
    """Remembers what is refused of other members' logs, and tells each peer once in a session.

    Args:
        core: The node.
        scopes: The newest view of every scope that exchanges see.
        connections: Every connection there is.
    """

    def __init__(
        self,
        core: Core,
        scopes: Mapping[bytes, ScopeView],
        connections: Callable[[], Iterable[Connection]],
    ) -> None:
        self._core = core
        self._scopes = scopes
        self._connections = connections
        self._heard: dict[Name, _Heard] = {}
        self._counts: Counter[bytes] = Counter()
        """How many of them each peer has said."""

    def knows(self, scope: bytes, rejection: Rejection) -> bool:
        """Whether that was heard before, or something that says more."""
        before = self._heard.get((scope, rejection.log))
        return before is not None and before.rejection.seq <= rejection.seq

    def take(self, scope: bytes, author: bytes, by: bytes, rejection: Rejection) -> None:
        """Remember what a peer says of a log that is held here, and was not known."""
        if author == by or self._counts[by] >= REFUSALS_HEARD_MAX:
            return
        self._forget((scope, rejection.log))
        self._heard[scope, rejection.log] = _Heard(author, by, rejection)
        self._counts[by] += 1
        self._core.announce_change()

    async def pass_on_forever(self) -> None:
        """Tell whoever is connected and was not told yet."""
        while True:
            for name, heard in tuple(self._heard.items()):
                if self._settled(name, heard):
                    self._forget(name)
            for connection in tuple(self._connections()) if self._heard else ():
                self._tell(connection)
            await self._core.wait_change()
            await trio.sleep(REFUSALS_PASS_ON_S)

    def _tell(self, connection: Connection) -> None:
        peer, shared = connection.peer, connection.exchange.shared()
        new: dict[bytes, list[Rejection]] = {}
        for (scope, _), heard in self._heard.items():
            if peer != heard.by and scope in shared and heard.told.get(peer) is not connection:
                heard.told[peer] = connection
                new.setdefault(scope, []).append(heard.rejection)
        for scope, refused in new.items():
            for at in range(0, len(refused), REFUSALS_MAX):
                part = tuple(refused[at : at + REFUSALS_MAX])
                connection.perform([Send(RefusalNotification(scope, part))])

    def _settled(self, name: Name, heard: _Heard) -> bool:
        scope, log = name
        view = self._scopes.get(scope)
        if view is None or heard.by not in view.readers:
            return True
        last = self._core.path.ledger.void_after(scope, log, heard.author)
        return last is not None and last < heard.rejection.seq

    def _forget(self, name: Name) -> None:
        heard = self._heard.pop(name, None)
        if heard is not None:
            self._counts[heard.by] -= 1
