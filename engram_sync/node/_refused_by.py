"""What peers say that they refuse: give way where it is of an own log, and let its author know."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import trio

from engram_sync.errors import LocalError
from engram_sync.node._connection import Connection
from engram_sync.node._contradictions import named
from engram_sync.node._core import Core
from engram_sync.node._limits import (
    REFUSALS_DUE_MAX,
    REFUSALS_HEARD_MAX,
    REFUSED_LOGS_MAX,
    VOID_RETRY_S,
)
from engram_sync.node._refused_logs import own_log_refused, set_aside
from engram_sync.observe import Log
from engram_sync.replication import Effect, Refused, ScopeView
from engram_wire import CloseCode, LogDomain, Rejection

log = Log("sharing")


class _Heard(NamedTuple):
    """What somebody refuses of a log of another member."""

    scope: bytes
    by: bytes
    rejection: Rejection


class RefusedByPeers:
    """Hears what peers refuse.

    Args:
        core: The node.
        scopes: The newest view of every scope that exchanges see.
        connected: The connection of a peer, if there is one.
    """

    def __init__(
        self,
        core: Core,
        scopes: Mapping[bytes, ScopeView],
        connected: Callable[[bytes], Connection | None],
    ) -> None:
        self._core = core
        self._scopes = scopes
        self._connected = connected
        self._heard: dict[bytes, dict[bytes, _Heard]] = {}
        """By author and log: the earliest record that is refused.  It outlasts the connection over
        which it was said: whoever refuses and the author need not be here at the same time."""
        self._counts: Counter[bytes] = Counter()
        """How many of them each peer has said."""
        self._due: dict[bytes, dict[bytes, tuple[bytes, Rejection]]] = {}
        """By peer and own log, with the scope: what to give way to once it may be done again."""
        self._waits = trio.Event()

    async def hear(self, connection: Connection, effect: Refused) -> None:
        """A peer takes no more of logs that were sent to it, or says that of somebody else."""
        for rejection in effect.rejected:
            if rejection.code == CloseCode.NOT_FOUND:
                continue  # A log that only builds on what is refused has nothing to say again.
            await self._give_way(connection.peer, effect.scope, rejection)
            if not effect.by_others:
                self._tell(connection, effect.scope, rejection)
                self._remember(connection.peer, effect.scope, rejection)

    # -- own logs ----------------------------------------------------------------------------

    async def _give_way(self, peer: bytes, scope: bytes, rejection: Rejection) -> None:
        """Go on in another log, if it is an own one; now, or as soon as that may be done again."""
        core, due = self._core, self._due.setdefault(peer, {})
        due.pop(rejection.log, None)
        if own_log_refused(core.path, scope, rejection) is not None:
            job = partial(set_aside, core.path, scope=scope, rejection=rejection)
            with suppress(LocalError):  # A node that may not write any more can still read.
                if await core.write(partial(job, now_ms=core.machine.clock.now_ms())):
                    log.warning(
                        "ended a log of which a peer refuses a record",
                        log=rejection.log.hex()[:16],
                        record=rejection.seq,
                    )
                elif len(due) < REFUSALS_DUE_MAX:
                    due[rejection.log] = scope, rejection
        self._note_due()

    def _note_due(self) -> None:
        self._due = {peer: due for peer, due in self._due.items() if due}
        self._core.problems.pop("refused", None)
        if self._due:
            self._waits.set()
            self._core.problems["refused"] = (
                "a member refuses a record of this node; what follows reaches it within the hour"
            )
        self._core.announce_change()

    async def give_way_forever(self) -> None:
        """Give way to what was heard too soon after the last time.

        That time is wall time, which may be set meanwhile, so it is tried now and then.
        """
        while True:
            if not self._due:
                self._waits = trio.Event()
                await self._waits.wait()
            await trio.sleep(VOID_RETRY_S)
            for peer, due in tuple(self._due.items()):
                for scope, rejection in tuple(due.values()):
                    await self._give_way(peer, scope, rejection)

    def _tell(self, connection: Connection, scope: bytes, rejection: Rejection) -> None:
        path = self._core.path
        held = path.ledger.log_by_id(scope, rejection.log)
        own = held is not None and path.own.may_void(held) and held.stands(1) > 0
        if len(connection.refusals) < REFUSED_LOGS_MAX:
            connection.refusals[rejection.log] = (
                f"{named(self._core, scope, [connection.peer])} refuses record {rejection.seq} of "
                f"log {rejection.log.hex()[:16]} and all that follow"
                + (", which this node writes in another log" if own else "")
                + "; if this stays, upgrade the older of the two nodes"
            )

    # -- logs of others ----------------------------------------------------------------------

    def _remember(self, peer: bytes, scope: bytes, rejection: Rejection) -> None:
        """Keep what a peer refuses of another author's log, and let that one know if it is here."""
        held = self._core.path.ledger.log_by_id(scope, rejection.log)
        if (
            held is None
            or held.domain != LogDomain.DATA
            or held.children
            or held.parent is not None
        ):
            return  # Nobody can give way there.
        author = held.author
        if author in (peer, self._core.key.public):
            return
        before = self._heard.get(author, {}).get(rejection.log)
        if before is not None and before.rejection.seq <= rejection.seq:
            return
        if self._counts[peer] >= REFUSALS_HEARD_MAX:
            return
        if before is not None:
            self._counts[before.by] -= 1
        self._counts[peer] += 1
        self._heard.setdefault(author, {})[rejection.log] = _Heard(scope, peer, rejection)
        connection = self._connected(author)
        if connection is not None:
            connection.perform(self.to_tell(connection))

    def to_tell(self, connection: Connection) -> list[Effect]:
        """What others refuse of logs that this peer has written, and sent over this connection."""
        author, effects = connection.peer, list[Effect]()
        for heard in tuple(self._heard.get(author, {}).values()):
            scope, by, rejection = heard
            view = self._scopes.get(scope)
            last = self._core.path.ledger.void_after(scope, rejection.log, author)
            if view is None or by not in view.readers or (last or rejection.seq) < rejection.seq:
                self._forget(author, heard)
            else:
                effects += connection.exchange.refused_by_others(scope, rejection)
        return effects

    def _forget(self, author: bytes, heard: _Heard) -> None:
        self._counts[heard.by] -= 1
        del self._heard[author][heard.rejection.log]
        if not self._heard[author]:
            del self._heard[author]
