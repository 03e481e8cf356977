"""What peers say that they refuse: give way where it is of an own log, and let its author know."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

import trio

from engram_sync.errors import LocalError
from engram_sync.node.background.materialising import Materialising
from engram_sync.node.core import Core
from engram_sync.node.limits import (
    REFUSALS_DUE_MAX,
    REFUSALS_HEARD_MAX,
    REFUSALS_PASSED_ON_MAX,
    REFUSALS_WINDOW_S,
    REFUSED_LOGS_MAX,
    VOID_RETRY_S,
)
from engram_sync.node.network.connection import Connection
from engram_sync.node.network.contradictions import named
from engram_sync.node.network.passing_on import PassingOn
from engram_sync.node.writing.refused_logs import author_of, set_aside
from engram_sync.observe import Logger
from engram_sync.sync import Refused, ScopeView
from engram_wire import CloseCode, Rejection

log = Logger("network")


class RefusedByPeers:
    """Hears what peers refuse.

    Args:
        core: The node.
        materialising: Shows what waits before a log is voided.
        scopes: The newest view of every scope that exchanges see.
        others: Passes on what is refused of the logs of others.
    """

    def __init__(
        self,
        core: Core,
        materialising: Materialising,
        scopes: Mapping[bytes, ScopeView],
        others: PassingOn,
    ) -> None:
        self._core = core
        self._materialising = materialising
        self._scopes = scopes
        self._others = others
        self._asked: Counter[tuple[bytes, bool]] = Counter()
        """By peer, and whether it passes on what others say: refusals looked at in this hour."""
        self._hour = trio.current_time()
        self._due: dict[bytes, dict[bytes, tuple[bytes, Rejection]]] = {}
        """By peer and own log, with the scope: what to give way to once it may be done again."""
        self._waits = trio.Event()

    async def hear(self, connection: Connection, effect: Refused) -> None:
        """A peer takes no more of logs that were sent to it, or says that of somebody else."""
        scope, peer = effect.scope, connection.peer
        view = self._scopes.get(scope)
        if view is None or peer not in view.readers:
            return
        for rejection in effect.rejected:
            if rejection.code == CloseCode.NOT_FOUND:
                continue  # A log that only builds on what is refused has nothing to say again.
            if not effect.by_others and rejection.log in connection.refusals:
                continue  # Whatever of that log was on its way is answered alike.
            author = None
            if not self._others.knows(scope, rejection) and self._may_ask(peer, effect.by_others):
                author = await self._author(scope, rejection)
            if author == self._core.key.public:
                await self._give_way(peer, scope, rejection)
            elif author is not None:
                self._others.take(scope, author, peer, rejection)
            if not effect.by_others:
                self._tell(connection, scope, rejection, own=author == self._core.key.public)

    def _may_ask(self, peer: bytes, by_others: bool) -> bool:
        """Whether to look at one more refusal of that peer; each may begin a wave through all."""
        now = trio.current_time()
        if now - self._hour >= REFUSALS_WINDOW_S:
            self._hour = now
            self._asked.clear()
        self._asked[peer, by_others] += 1
        most = REFUSALS_PASSED_ON_MAX if by_others else REFUSALS_HEARD_MAX
        return self._asked[peer, by_others] <= most

    async def _author(self, scope: bytes, rejection: Rejection) -> bytes | None:
        """Whose record that is, if it is held and stands, in a log whose author can give way."""
        with suppress(LocalError):  # A node that may not write any more can still read.
            return await self._core.write(lambda _: author_of(self._core.path, scope, rejection))
        return None

    # -- own logs ----------------------------------------------------------------------------

    async def _give_way(self, peer: bytes, scope: bytes, rejection: Rejection) -> None:
        """Go on in another log, now or as soon as that may be done again."""
        core, due = self._core, self._due.setdefault(peer, {})
        due.pop(rejection.log, None)
        job = partial(set_aside, core.path, scope=scope, rejection=rejection)
        with suppress(LocalError):  # A node that may not write any more can still read.
            # Not in the job that voids, where nobody else has a turn.
            await self._materialising.materialise_all(scope)
            if await core.write(partial(job, now_ms=core.environment.clock.now_ms())):
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
                    if await self._author(scope, rejection) is None:
                        del due[rejection.log]  # It is void already: somebody else refused it too.
                    else:
                        await self._give_way(peer, scope, rejection)
            self._note_due()

    def _tell(
        self, connection: Connection, scope: bytes, rejection: Rejection, *, own: bool
    ) -> None:
        if len(connection.refusals) < REFUSED_LOGS_MAX:
            connection.refusals[rejection.log] = (
                f"{named(self._core, scope, [connection.peer])} refuses record {rejection.seq} of "
                f"log {rejection.log.hex()[:16]} and all that follow"
                + (", which this node writes in another log" if own else "")
                + "; if this stays, upgrade the older of the two nodes"
            )
