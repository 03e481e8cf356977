"""What a member does with messages alone: questions without end, and answers to nothing."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from engram_wire import (
    SUMMARIES_MAX,
    ClockEntry,
    JoinRequest,
    PayloadRequest,
    PayloadResponse,
    Ping,
    Probe,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    cbor,
    clock_digest,
)

from ._member import Ended, Member

Flood = Callable[[Member, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FloodCase:
    """One flood with its sizes."""

    name: str
    flood: Flood
    small: int
    full: int
    row: str = ""
    dials: bool = False
    """Whether it ends its own connections, and so reads what comes by itself."""


FLOODS: list[FloodCase] = []


def flood(small: int, full: int, row: str = "", *, dials: bool = False) -> Callable[[Flood], Flood]:
    """Enter a function into the table."""

    def enter(function: Flood) -> Flood:
        FLOODS.append(FloodCase(function.__name__, function, small, full, row, dials))
        return function

    return enter


@flood(2_000, 50_000)
async def pings(member: Member, size: int) -> None:
    for number in range(size):
        await member.say(Ping(number))


@flood(200, 5_000)
async def requests_with_clocks_that_nobody_has(member: Member, size: int) -> None:
    for number in range(2, size + 2):
        clock = tuple(
            sorted(
                (ClockEntry(os.urandom(32), 1, os.urandom(32)) for _ in range(100)),
                key=lambda entry: entry.log,
            )
        )
        await member.say(SyncRequest(number % 8 + 2, member.scope, clock_digest(clock), clock))


@flood(200, 5_000, "D3")
async def requests_from_the_beginning(member: Member, size: int) -> None:
    for number in range(size):
        await member.say(SyncRequest(number % 8 + 2, member.scope, clock_digest(()), ()))


@flood(20, 300, "W1")
async def summaries_of_scopes_that_nobody_shares(member: Member, size: int) -> None:
    one = Summary(bytes(32), bytes(32), 1, 1)
    for number in range(size):
        told = tuple(sorted((os.urandom(32), one) for _ in range(SUMMARIES_MAX)))
        await member.say(Ping(number, told))


@flood(500, 10_000)
async def probes(member: Member, size: int) -> None:
    for number in range(1, size + 1):
        await member.say(Probe(number, member.scope, os.urandom(32), (1, 2, 3)))


@flood(500, 10_000)
async def requests_for_payloads(member: Member, size: int) -> None:
    for number in range(1, size + 1):
        wanted = ((os.urandom(32), number),)
        await member.say(PayloadRequest(number, member.scope, wanted))


@flood(100, 1_000, "X9")
async def payloads_that_nobody_asked_for(member: Member, size: int) -> None:
    for number in range(1, size + 1):
        await member.say(PayloadResponse(number, ((os.urandom(32), 1, os.urandom(100)),)))


@flood(500, 10_000)
async def acknowledgements_of_nothing(member: Member, size: int) -> None:
    for number in range(size):
        await member.say(SyncAck(number, ((number, 1),)))


@flood(100, 1_000)
async def frames_of_logs_that_were_not_announced(member: Member, size: int) -> None:
    request = await member.requested()
    for _ in range(size):
        await member.say(SyncResponse(request, SyncStatus.DATA, frame=os.urandom(100_000)))


@flood(20, 300, "X5", dials=True)
async def arrays_nested_and_long(member: Member, size: int) -> None:
    """As many small items as a message holds, where a frame is expected to be."""
    request = await member.requested()
    nested: list[object] = [[[[[]]]] for _ in range(150_000)]
    deep = cbor.dump_canonical(nested)
    await _again(member, size, SyncResponse(request, SyncStatus.DATA, frame=deep[:900_000]))


@flood(20, 300, "X5", dials=True)
async def a_column_of_small_items(member: Member, size: int) -> None:
    request = await member.requested()
    column: list[object] = [[] for _ in range(200_000)]
    long = cbor.dump_canonical([0, 1, [0], b"", column])
    await _again(member, size, SyncResponse(request, SyncStatus.DATA, frame=long[:900_000]))


@flood(100, 1_000)
async def joins_with_invites_of_its_own(member: Member, size: int) -> None:
    for _ in range(size):
        await member.say(
            JoinRequest(member.scope, member.scope, os.urandom(200), bytes(64), "label")
        )


@flood(200, 2_000)
async def bytes_that_are_no_message(member: Member, size: int) -> None:
    for _ in range(size):
        await member.raw((1 << 19).to_bytes(4, "big") + os.urandom(1 << 12))


@flood(20, 200, dials=True)
async def connections_without_end(member: Member, size: int) -> None:
    for _ in range(size):
        await member.dial()


@flood(10, 100, "X12", dials=True)
async def two_nodes_with_one_key(member: Member, size: int) -> None:
    """As two copies of a home: each takes the connection of the other."""
    twin = member.twin()
    try:
        for _ in range(size):
            await twin.dial()
            await member.dial()
    finally:
        with trio.CancelScope(shield=True):
            await twin.close()


@flood(3, 20)
async def messages_that_never_end(member: Member, size: int) -> None:
    await member.raw((1 << 19).to_bytes(4, "big"))
    for _ in range(size):
        await member.raw(b"\0")
        await trio.sleep(0.5)


async def _again(member: Member, size: int, message: SyncResponse) -> None:
    """Say one thing that ends the connection, over and over, as fast as it can be dialled."""
    for _ in range(size):
        try:
            await member.say(message)
            await member.drain()
        except Ended:
            pass
        await member.dial()
