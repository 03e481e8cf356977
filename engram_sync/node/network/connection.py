"""One authenticated connection: bytes, session and exchange, driven by four small tasks."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import trio

from engram_sync.errors import EngramError
from engram_sync.host import Clock
from engram_sync.node.limits import (
    INBOX_FRAMES_MAX,
    INGEST_FRAMES_MAX,
    OUTBOUND_BYTES_MAX,
    OUTBOUND_ROOM_BYTES,
    RECEIVE_BYTES,
    WORK_MAX,
)
from engram_sync.node.network.budget import Budget, Share
from engram_sync.node.network.connection_parts import ConnectionEnded as ConnectionEnded
from engram_sync.node.network.connection_parts import Ingested as Ingested
from engram_sync.node.network.connection_parts import Job, known_code, public_reason
from engram_sync.node.network.connection_parts import Work as Work
from engram_sync.node.network.inbox import Inbox, Received
from engram_sync.node.writing.quotas import Quotas
from engram_sync.node.writing.write_path import arrival_untrusted
from engram_sync.sync import (
    Close,
    Diverged,
    Effect,
    Exchange,
    Ingest,
    Joined,
    ReadPayloads,
    ReadRuns,
    Send,
)
from engram_sync.transport import Link
from engram_wire import (
    GOODBYE_DEADLINE_S,
    MESSAGE_DEADLINE_S,
    NEED_DATA,
    CloseCode,
    Credentials,
    Established,
    Goodbye,
    JoinRequest,
    JoinResponse,
    LocalProtocolError,
    Message,
    Session,
    WireError,
)


@dataclass(slots=True)
class Services:
    """What a connection needs from its node; every member is a coroutine function or a call."""

    ingest: Callable[["Connection", Sequence[Received]], Awaitable[Ingested]]
    work: Callable[["Connection", Work], Awaitable[list[Effect]]]
    diverged: Callable[["Connection", bytes], None]
    budget: Budget
    quotas: Quotas
    work_s: Callable[[], float]
    """CPU time of the thread that asks."""
    changed: Callable[[], None]
    """Something that ``status`` or ``sync`` shows may have changed."""


@dataclass(eq=False, slots=True)
class Connection:
    """The tasks and queues of one authenticated connection.

    ``run`` owns the stream; everything else only queues work for its tasks.
    """

    link: Link
    session: Session
    exchange: Exchange
    peer: bytes
    clock: Clock
    services: Services
    via: str
    address: str
    initiator: bool
    since: float
    """When the peer had proven its key."""
    join_response: JoinResponse | None = None
    refusals: dict[bytes, str] = field(default_factory=dict[bytes, str])
    """In words, by log: of which the peer said on this connection that it takes no more."""
    _outbound: deque[bytes] = field(default_factory=deque[bytes])
    _outbound_bytes: int = 0
    _inbox: Inbox = field(init=False)
    _work: deque[Job] = field(default_factory=deque[Job])
    _wake: dict[str, trio.Event] = field(default_factory=dict[str, trio.Event])
    _goodbye: tuple[CloseCode, str] | None = None
    _sending: bool = False
    _share: Share = field(init=False)
    _message_due: float = float("inf")
    """When the message that is arriving must have arrived."""

    def __post_init__(self) -> None:
        self._share = self.services.budget.share()
        self._inbox = Inbox(self.services.quotas)

    async def run(self) -> ConnectionEnded:
        """Serve the connection until either side ends it.

        Resource handling: closes the stream before it returns.
        Error handling: whatever the peer does ends this call, with the reason returned; only
        errors of this node's own parts are raised.
        """
        ended = ConnectionEnded(CloseCode.SHUTDOWN, "this node is closing")
        try:
            async with trio.open_nursery() as nursery:
                for task in (self._send_loop, self._ingest_loop, self._work_loop, self._tick_loop):
                    nursery.start_soon(task)
                self._put(self.session.data_to_send())  # The end of the handshake.
                self.perform(self.exchange.open())
                try:
                    await self._receive_loop()
                except ConnectionEnded as error:
                    ended = error
                nursery.cancel_scope.cancel()
        finally:
            self._share.close()
            await self._say_goodbye(ended)
        return ended

    def perform(self, effects: Sequence[Effect], *, received_bytes: int = 0) -> None:
        """Queue effects for the tasks that perform them; never blocks.

        Args:
            effects: What to do.
            received_bytes: Size of the message that asks for it, which stays in memory meanwhile.
        """
        for effect in effects:
            match effect:
                case Send(message):
                    self._queue(message)
                case Ingest():
                    # Decoded here, where it overlaps with the commit of the frames before it.
                    arrival = arrival_untrusted(effect.scope, effect.announcements, effect.frame)
                    self._share.take(received_bytes)
                    self._inbox.add(Received(effect.request, effect.turn, arrival, received_bytes))
                    self._notify("inbox")
                case Diverged(scope):
                    self.services.diverged(self, scope)
                case Joined(response):
                    self.join_response = response
                case Close(code, reason):
                    self.close(code, reason)
                case _:
                    self._share.take(received_bytes)
                    self._work.append(Job(effect, received_bytes))
                    self._notify("work")
        if effects:
            self.services.changed()

    def ask_to_join(self, request: JoinRequest) -> None:
        """Present an invite; ``join_response`` is the answer once there is one."""
        self.join_response = None  # That of an earlier invite.
        self.perform(self.exchange.join(request))

    def close(self, code: CloseCode, reason: str) -> None:
        """End the connection: the receive loop stops and the peer is told ``code``."""
        if self._goodbye is None:
            self._goodbye = (code, reason)
            self._notify("close")

    def _queue(self, message: Message) -> None:
        if self._goodbye is not None:
            return  # Nothing follows a goodbye.
        try:
            data = self.session.send(message, timestamp_ms=self.clock.now_ms())
        except LocalProtocolError as error:
            # Others decide how many logs and members a scope has: what no longer fits a message
            # ends this connection and nothing else.
            self.close(CloseCode.LIMIT, str(error))
            return
        self._put(data)

    def _put(self, data: bytes) -> None:
        if not data:
            return
        self._outbound.append(data)
        self._outbound_bytes += len(data)
        if self._outbound_bytes > OUTBOUND_BYTES_MAX:
            self.close(CloseCode.LIMIT, "answers are not being read")
        self._notify("outbound")

    # -- tasks -------------------------------------------------------------------------------

    async def _receive_loop(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_close, nursery.cancel_scope)
            try:
                while True:
                    await self._drain_events()
                    self.session.receive_data(await self._received())
                    self.exchange.on_bytes(trio.current_time())
            except ConnectionEnded as error:
                self._goodbye = self._goodbye or (error.code, error.reason)
            except WireError as error:
                self.close(error.code, str(error))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._goodbye = self._goodbye or (CloseCode.OK, "the connection broke")
            nursery.cancel_scope.cancel()
        code, reason = self._goodbye or (CloseCode.SHUTDOWN, "this node is closing")
        raise ConnectionEnded(code, reason)

    async def _received(self) -> bytes:
        """The next bytes; a message that has begun must also end, however lively the peer is."""
        if not self.session.within_message:
            self._message_due = float("inf")
        elif self._message_due == float("inf"):
            self._message_due = trio.current_time() + MESSAGE_DEADLINE_S
        with trio.move_on_at(self._message_due):
            data = await self.link.stream.receive_some(RECEIVE_BYTES)
            if not data:
                raise ConnectionEnded(CloseCode.OK, "the peer closed the connection")
            return bytes(data)
        raise ConnectionEnded(
            CloseCode.TIMEOUT, f"a message did not end within {MESSAGE_DEADLINE_S:g} s"
        )

    async def _watch_close(self, receiving: trio.CancelScope) -> None:
        while self._goodbye is None:
            await self._waited("close")
        receiving.cancel()

    async def _drain_events(self) -> None:
        while True:
            # What is slow to read is read slowly, on whichever connection it comes.  And a receive
            # loop that never yields would stall every other connection.
            now = trio.current_time()
            await trio.sleep_until(self.services.quotas.read_at(self.peer, now))
            if not self._took_event():
                return
            while self._behind():
                # Not reading is the back-pressure: the peer's own buffers fill next.
                await self._waited("done")

    def _took_event(self) -> bool:
        """Deal with the next message that has arrived; False when there is none."""
        services, began = self.services, self.services.work_s()
        try:
            event = self.session.next_event()
            if event is NEED_DATA:
                return False
            self._message_due = float("inf")
            if isinstance(event, Goodbye):
                raise ConnectionEnded(known_code(event.code), f"the peer said: {event.reason}")
            if isinstance(event, Established):
                raise ConnectionEnded(CloseCode.PROTOCOL, "a second handshake")
            effects = self.exchange.on_message_untrusted(event, trio.current_time())
            self.perform(effects, received_bytes=self.session.message_bytes)
            services.changed()
            return True
        finally:
            services.quotas.read(self.peer, services.work_s() - began, trio.current_time())

    def _behind(self) -> bool:
        """Whether enough of this peer waits to be dealt with."""
        full = len(self._inbox) >= INBOX_FRAMES_MAX or len(self._work) >= WORK_MAX
        return full or self._share.spent

    def _done(self, cost: int) -> None:
        self._share.give(cost)
        self._notify("done")

    async def _ingest_loop(self) -> None:
        inbox = self._inbox
        while True:
            batch = inbox.take(INGEST_FRAMES_MAX, trio.current_time())
            if not batch:
                # For another frame, or for the quota of a writer whose frames wait.
                with trio.move_on_at(inbox.ready_at()):
                    await self._waited("inbox")
                continue
            self._done(0)
            await self._perform_from(self._ingested(batch))

    async def _ingested(self, batch: Sequence[Received]) -> list[Effect]:
        inbox = self._inbox
        done = await self.services.ingest(self, batch)
        rest = batch[done.number :]
        if done.number:
            inbox.progressed()
        if done.error is not None and not (done.missing and inbox.may_wait(rest[0])):
            self.perform(done.effects)
            raise done.error
        inbox.put_back(rest)
        self._done(sum(received.cost for received in batch[: done.number]))
        return done.effects

    def waiting_of(self) -> dict[bytes, int]:
        """Of each writer of whose records some wait here: how many bytes."""
        return self._inbox.waiting_of()

    async def _work_loop(self) -> None:
        while True:
            while not self._work:
                await self._waited("work")
            effect, cost = self._work.popleft()
            self._done(0)
            if isinstance(effect, ReadRuns | ReadPayloads):
                while self._outbound_bytes > OUTBOUND_ROOM_BYTES:
                    await self._waited("room")
            await self._perform_from(self.services.work(self, effect))
            self._done(cost)

    async def _perform_from(self, work: Awaitable[list[Effect]]) -> None:
        try:
            for effect in await work:
                if isinstance(effect, Send) and isinstance(effect.message, Credentials):
                    # There is no limit to the members of a scope: a page goes when there is room.
                    while self._outbound_bytes > OUTBOUND_ROOM_BYTES:
                        await self._waited("room")
                self.perform([effect])
        except WireError as error:
            self.close(error.code, str(error))
        except EngramError as error:
            # Our store, not the peer's fault: it may come back when the store works again.
            self.close(CloseCode.BUSY, f"this node cannot answer now: {error.message}")

    async def _send_loop(self) -> None:
        while True:
            while not self._outbound:
                await self._waited("outbound")
            data = b"".join(self._outbound)
            self._outbound.clear()
            self._sending = True
            try:
                await self.link.stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._goodbye = self._goodbye or (CloseCode.OK, "the connection broke")
                self._notify("close")
                return
            self._sending = False
            self._outbound_bytes -= len(data)
            self._notify("room")

    async def _tick_loop(self) -> None:
        while True:
            await trio.sleep_until(self.exchange.next_deadline())
            self.perform(self.exchange.on_tick(trio.current_time()))

    async def _say_goodbye(self, ended: ConnectionEnded) -> None:
        self._goodbye = self._goodbye or (ended.code, ended.reason)  # Nothing is queued behind it.
        with trio.CancelScope(shield=True, deadline=trio.current_time() + GOODBYE_DEADLINE_S):
            if self._sending:
                # A send was cut half-way; anything after it would be garbage to the peer.
                await trio.aclose_forcefully(self.link.stream)
                return
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self.link.stream.send_all(b"".join(self._outbound) + self._last_words(ended))
            await self.link.stream.aclose()

    def _last_words(self, ended: ConnectionEnded) -> bytes:
        goodbye = Goodbye(code=ended.code, reason=public_reason(ended.code))
        try:
            return self.session.send(goodbye, timestamp_ms=self.clock.now_ms())
        except LocalProtocolError:
            # Over already: by the peer's goodbye, or by an error that the session itself names.
            return self.session.data_to_send()

    # -- wake-ups ----------------------------------------------------------------------------

    def _notify(self, name: str) -> None:
        event = self._wake.pop(name, None)
        if event is not None:
            event.set()

    async def _waited(self, name: str) -> None:
        event = self._wake.setdefault(name, trio.Event())
        await event.wait()
