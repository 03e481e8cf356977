"""What exchanges ask of the node: store what came, read what is asked for, decide who may join."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import trio

from engram_sync.errors import EngramError
from engram_sync.ledger import MissingDependencyError
from engram_sync.node.core import Core
from engram_sync.node.limits import REFUSED_LOGS_MAX
from engram_sync.node.network.branch_index import BranchIndex, places
from engram_sync.node.network.connection import Connection, Ingested, Work
from engram_sync.node.network.inbox import Received
from engram_sync.node.network.joining import admit, credentials_of, present
from engram_sync.node.network.pages import read_page
from engram_sync.node.network.payloads import owed_of, payloads_of, take_payloads
from engram_sync.node.network.refused_by import RefusedByPeers
from engram_sync.node.writing.write_path import Arrival, IngestOutcome
from engram_sync.observe import Logger, printable
from engram_sync.sync import (
    POSITIONS_PER_TURN,
    Close,
    CollectCredentials,
    DecideJoin,
    Effect,
    FindPositions,
    FrameStored,
    Present,
    ReadHeads,
    ReadOwed,
    ReadPayloads,
    ReadRuns,
    Refused,
    RolledBack,
    ScopeView,
    StorePayloads,
    Survey,
)
from engram_wire import CloseCode, Rejection, WireError

log = Logger("network")

_MORE = "logs"
"""Names the problem that not every log is listed of which something is refused."""


@dataclass(slots=True)
class _Refused:
    """A log of which nothing is taken from a record on."""

    scope: bytes
    author: bytes
    seq: int
    void_after: int | None
    """What was void of it by then: it was refused all the same."""
    told: dict[bytes, Connection] = field(default_factory=dict[bytes, Connection])
    """By peer: who sent some of it and was told so, last over which connection."""


class StoreEffects:
    """Performs the effects of exchanges that need the store.

    Args:
        core: The node.
        scopes: The newest view of every scope that exchanges see.
        refused_by: Hears what peers refuse.
    """

    def __init__(
        self, core: Core, scopes: Mapping[bytes, ScopeView], refused_by: RefusedByPeers
    ) -> None:
        self._core = core
        self._scopes = scopes
        self._refused_by = refused_by
        self._claims: set[tuple[bytes, bytes]] = set()
        """Peers that said that this node was rolled back, and in which scope."""
        self._diverged: set[bytes] = set()
        """Scopes of which somebody said so."""
        self._refused: dict[bytes, _Refused] = {}
        """Logs of which nothing more is taken, as far as they are listed one by one."""

    async def ingest(self, connection: Connection, batch: Sequence[Received]) -> Ingested:
        """Store frames in one transaction and acknowledge them."""
        arrivals = [received.arrival for received in batch]
        try:
            intake = await self._store(arrivals)
        except EngramError as error:
            # Ours, not the peer's: it may try again when the store works.
            log.error("received records cannot be stored", reason=error.message)
            return Ingested(
                [Close(CloseCode.BUSY, "the store cannot take records now")], len(batch)
            )
        stored = self._accounted(connection, batch, intake)
        effects = connection.exchange.on_stored(stored) if stored else []
        for arrival, taken in zip(arrivals, intake.taken, strict=False):
            for rejection in taken.rejected:
                self._refusal(connection, arrival, rejection, taken.void_after)
            if taken.log in self._refused and not taken.rejected:
                self._accepted(taken.log, taken.seq)
        self._take_up_again()
        return Ingested(
            effects,
            len(stored),
            intake.error,
            missing=isinstance(intake.error, MissingDependencyError),
        )

    def _accounted(
        self, connection: Connection, batch: Sequence[Received], intake: IngestOutcome
    ) -> list[FrameStored]:
        """What to tell the exchange, once everything is counted for whom it is of."""
        quotas, now = self._core.quotas, trio.current_time()
        stored: list[FrameStored] = []
        for frame, taken in zip(batch, intake.taken, strict=False):
            # What is here already proves nothing about who sent it.
            proven = taken.new_records or taken.rejected
            quotas.charge(
                frame.author if proven else connection.peer,
                records=taken.new_records,
                record_bytes=frame.cost if proven else 0,
                work_s=taken.work_s,
                now=now,
            )
            stored.append(
                FrameStored(
                    frame.request,
                    taken.ref,
                    taken.log,
                    taken.seq,
                    taken.new_records,
                    taken.rejected,
                    frame.turn,
                )
            )
        if intake.error is not None:
            quotas.charge(
                connection.peer, records=0, record_bytes=0, work_s=intake.last_work_s, now=now
            )
        return stored

    async def _store(self, arrivals: Sequence[Arrival]) -> IngestOutcome:
        core = self._core
        job = partial(
            core.path.ingest,
            arrivals=arrivals,
            work_s=core.environment.work_s,
            others_wait=lambda: core.store.waiting,
        )
        return await core.write(job, weight=sum(len(each.frame.records) for each in arrivals))

    async def work(self, connection: Connection, effect: Work) -> list[Effect]:
        """Perform one effect and tell the exchange."""
        exchange = connection.exchange
        match effect:
            case ReadRuns() | FindPositions() if not exchange.wants(effect):
                return []  # The peer began anew since: it shall not cost a read each time.
            case ReadRuns():
                return await self._read_runs(connection, effect)
            case Survey():
                while not effect.positions.prepare(POSITIONS_PER_TURN):
                    await trio.lowlevel.checkpoint()
                return exchange.on_surveyed(effect)
            case FindPositions() | ReadHeads() | ReadPayloads() | ReadOwed() | StorePayloads():
                return await self._repair(connection, effect)
            case RolledBack() | Refused():
                await self._own_log(connection, effect)
                return []
            case CollectCredentials(scope):
                found = await credentials_of(self._core, scope)
                return exchange.on_credentials(scope, found)
            case Present(request):
                with suppress(WireError):
                    # Whatever is wrong with them, they show nothing; to end the connection for it
                    # would tell a stranger that the scope is held here.
                    await present(self._core, request)
                return exchange.on_presented(request)
            case DecideJoin(request):
                return exchange.on_admitted(
                    request.scope, await admit(self._core, connection, request)
                )

    async def _read_runs(self, connection: Connection, effect: ReadRuns) -> list[Effect]:
        """Read the next page for a feed."""
        view = self._scopes[effect.scope]
        page = await self._core.read(
            lambda reader: read_page(reader, view.number, effect, until=view.arrival)
        )
        return connection.exchange.on_page(
            effect, page.entries, after=page.after, exhausted=page.exhausted
        )

    async def _repair(
        self,
        connection: Connection,
        effect: FindPositions | ReadHeads | ReadPayloads | ReadOwed | StorePayloads,
    ) -> list[Effect]:
        """Forks and owed payloads: find, read or store what the peer names."""
        exchange, core = connection.exchange, self._core
        number = self._scopes[effect.scope].number
        match effect:
            case FindPositions():
                placed = await core.read(lambda r: places(r, number, effect.positions))
                return exchange.on_placed(effect, placed)
            case ReadHeads(_, _, asked, seqs):
                heads = await core.read(lambda r: BranchIndex(r, number).heads(asked, seqs))
                return exchange.on_heads(effect, heads)
            case ReadPayloads():
                held = await core.read(lambda r: payloads_of(r, number, effect.wanted))
                return exchange.on_payloads(effect, held)
            case ReadOwed(scope, limit):
                owed = await core.read(lambda r: owed_of(r, number, limit))
                return exchange.on_owed(scope, owed)
            case StorePayloads(scope, payloads):
                if payloads:
                    job = partial(take_payloads, path=core.path, scope=scope, payloads=payloads)
                    await core.write(job, weight=len(payloads))
                return exchange.on_payloads_stored(scope)

    async def _own_log(self, connection: Connection, effect: RolledBack | Refused) -> None:
        """A peer says something of logs that were sent to it: it knows more, or takes no more."""
        if isinstance(effect, RolledBack):
            await self._rolled_back(connection, effect.scope, effect.log)
        else:
            await self._refused_by.hear(connection, effect)

    async def _rolled_back(self, connection: Connection, scope: bytes, own: bytes) -> None:
        """A peer says that it knows more of an own log: end it, before anything is written to it.

        A peer is believed once without proof, or it could make this node begin logs without end.
        The records themselves, should it have them, are proof every time.
        """
        if (connection.peer, scope) in self._claims:
            return
        self._claims.add((connection.peer, scope))
        await self._core.write(lambda _: self._core.path.end_own(scope, own))

    def diverged(self, connection: Connection, scope: bytes) -> None:
        """Equal clocks and unequal states: nothing else is as wrong as this."""
        if scope in self._diverged:
            return  # Logged already; a peer may say so with every message.
        self._diverged.add(scope)
        name = self._named(scope, connection.peer)
        log.error("equal clocks, different states", scope=scope.hex()[:16], member=name)

    def _named(self, scope: bytes, key: bytes) -> str:
        return printable(self._core.path.label(scope, key)) or key.hex()[:16]

    def _refusal(
        self, connection: Connection, arrival: Arrival, why: Rejection, void: int | None
    ) -> None:
        """Say of a log that nothing more of it is taken here; of many, that they are many."""
        if why.code == CloseCode.NOT_FOUND:
            return  # It waits for one of these.
        # Of a sealed log the ledger may know nothing without the store.
        held = self._scopes[arrival.scope].by_log().get(why.log)
        if held is not None and held.seq >= why.seq:
            return  # Another connection brought it again, in a later job whose end came first.
        if why.log in self._refused:
            self._refused[why.log].told[connection.peer] = connection
        elif len(self._refused) < REFUSED_LOGS_MAX:
            author, told = arrival.announcement.author, {connection.peer: connection}
            self._refused[why.log] = _Refused(arrival.scope, author, why.seq, void, told)
            self._core.problems[f"log {why.log.hex()}"] = (
                f"record {why.seq} of log {why.log.hex()[:16]} is not valid; nothing more of that "
                f"log, written by {self._named(arrival.scope, author)}, is taken"
            )
        else:
            self._core.problems[_MORE] = "records of more logs than are listed here are refused"

    def _accepted(self, log: bytes, seq: int) -> None:
        """A log is taken up to a position; perhaps beyond what was refused of it."""
        if seq >= self._refused[log].seq:
            self._lift(log)

    def _lift(self, log: bytes) -> "_Refused":
        """Nothing of a log is refused any more, so there is room for one that was not listed."""
        self._core.problems.pop(f"log {log.hex()}", None)
        self._core.problems.pop(_MORE, None)
        return self._refused.pop(log)

    def _take_up_again(self) -> None:
        """Take logs again whose authors have declared void what was refused.

        Whoever was told of a refusal sends nothing more of that log on the same connection, so
        they begin anew.
        """
        void_after = self._core.path.ledger.void_after
        lifted: list[bytes] = []
        for name, refused in self._refused.items():
            last = void_after(refused.scope, name, refused.author)
            if last is not None and last < refused.seq and last != refused.void_after:
                lifted.append(name)
        for name in lifted:
            for connection in self._lift(name).told.values():
                connection.close(CloseCode.BUSY, "what was refused is void now; connect again")
