"""What a node shows of a log that forks, in whatever order and however often it does."""

from trio.testing import MockClock

from engram_sync.node import Node
from engram_sync.node._write_path import Arrival
from engram_wire import (
    Announcement,
    LogDomain,
    decode_frame_untrusted,
    encode_frame,
    sign_head,
)

from .speaker import Log, Speaker
from .village import Village, contents


def of(log: Log, first: int, *signed: int) -> tuple[Announcement, bytes]:
    """The records from ``first`` to the last of ``signed``, where alone they are signed."""
    announcement = Announcement(
        0, int(LogDomain.DATA), log.author.public_key, log.incarnation, None
    )
    signatures = [(seq, sign_head(log.author.secret_key, log.heads[seq])) for seq in signed]
    return announcement, encode_frame(0, log.records[first - 1 : signed[-1]], signatures)


async def take(node: Node, *frames: tuple[Announcement, bytes]) -> None:
    """Ingest frames in one transaction, swept after the last of them."""
    core = node._core
    arrivals = [
        Arrival(core.facts.agent_scope, announcement, decode_frame_untrusted(frame))
        for announcement, frame in frames
    ]
    intake = await core.write(lambda tx: core.path.ingest(tx, arrivals))
    assert intake.error is None
    assert not any(taken.rejected for taken in intake.taken)


def history(node: Node, author: Speaker, *contents: str) -> Log:
    log = Log(node, author.identity)
    for content in contents:
        log.add(content)
    return log


async def test_a_run_that_reaches_back_over_two_forks_is_materialised_whole(
    village: Village, autojump_clock: MockClock
) -> None:
    """The second fork divides what the branch of the first one began in."""
    async with village.open("a") as a:
        rogue = await Speaker.dial(village)
        assert (await rogue.join(await a.invite())).accepted
        long = history(a, rogue, "base", "b", "c", "d", "base")
        late = history(a, rogue, "base", "b", "c", "d", "late")
        early = history(a, rogue, "base", "b", "early")
        await take(a, of(long, 1, 1))
        await take(a, of(long, 2, 5), of(late, 5, 5), of(early, 3, 3))
        assert len(a._core.path.ledger.forks(a._core.facts.agent_scope)) == 2
        assert await contents(a) == ["b", "base", "c", "d", "early", "late"]
        assert (await a.doctor()).checks[2].ok
