"""Positions that peers name are found whatever names the logs have here."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

import pytest
import trio
from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.node.network import branch_index as _places
from engram_sync.node.network.branch_index import BranchIndex, places
from engram_sync.node.network.pages import read_page
from engram_sync.node.network.payloads import owed_of, payloads_of
from engram_sync.store import EngramRow, MemoryStore, Reader, Store, Transaction
from engram_sync.sync import ReadRuns
from engram_sync.testing import InlineExecutor
from engram_wire import (
    AUTH_UNCHANGED,
    NO_IDS,
    NO_SUPERSEDED,
    ClockEntry,
    Record,
    branch_id,
    cbor,
    decode_frame_untrusted,
    encode_payload,
    extend,
    log_id,
    payload_hash,
    shape_of,
    sign_head,
    verify_frame_untrusted,
)

T = TypeVar("T")
SCOPE = b"S" * 32
PUBLIC, SECRET = crypto_sign_seed_keypair(b"a" * 32)
ROOT = log_id(0, SCOPE, PUBLIC, bytes(16))
FORK = 21
"""The first position at which the two branches differ; the run it lies in begins at 19."""
LAST = 40
SHORT = 36
"""Where the second branch ends."""


class Chain:
    """One history of a log: heads by position, and records signed every third time."""

    def __init__(self, salt: bytes) -> None:
        self.records: list[Record] = []
        self.heads = [ROOT]
        for seq in range(1, LAST + 1):
            payload = encode_payload(
                (salt if seq >= FORK else b"c") * 16, [cbor.encode(f"text {seq}")]
            )
            record = Record(
                seq=seq,
                engram=seq.to_bytes(16, "big"),
                hlc=seq << 40,
                shape=shape_of(0, ["r/content"]),
                superseded=NO_SUPERSEDED,
                payload=payload,
                payload_hash=payload_hash(payload),
                deps=NO_IDS,
                auth=AUTH_UNCHANGED,
                marked=True,
            )
            self.records.append(record)
            self.heads.append(extend(self.heads[-1], record))

    @property
    def branch(self) -> bytes:
        return branch_id(self.heads[FORK])

    def entry(self, seq: int, log: bytes = ROOT) -> ClockEntry:
        return ClockEntry(log, seq, self.heads[seq])

    def store(self, tx: Transaction, log: int, first: int, last: int) -> None:
        tx.put_records(log, self.records[first - 1 : last])
        start = (first - 1) // 3 * 3 + 1
        for begin in range(start, last + 1, 3):
            end = min(begin + 2, LAST)
            if end <= last:
                tx.put_run(log, begin, end, self.heads[end], sign_head(SECRET, self.heads[end]))
        tx.set_head(log, last, self.heads[last], last << 40)


ONE, TWO = Chain(b"1"), Chain(b"2")


def undivided(tx: Transaction) -> None:
    scope = tx.put_scope(SCOPE, "agent", b"")
    ONE.store(tx, tx.put_log(scope, ROOT, 0, PUBLIC, bytes(16)), 1, LAST)


def forked(tx: Transaction) -> None:
    undivided(tx)
    branches = [
        tx.put_log(
            1, chain.branch, 0, PUBLIC, bytes(16), parent=1, base=FORK - 1, branch=chain.heads[FORK]
        )
        for chain in (ONE, TWO)
    ]
    tx.split_log(1, FORK - 1, branches[0])
    tx.set_head(1, FORK - 1, ONE.heads[FORK - 1], FORK - 1 << 40)
    TWO.store(tx, branches[1], FORK, SHORT)


@asynccontextmanager
async def stored(*jobs: Callable[[Transaction], None]) -> AsyncGenerator[Store]:
    store = await MemoryStore.open("places", InlineExecutor())
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        for job in jobs:
            await store.submit(job)
        yield store
        await store.aclose()
    MemoryStore.discard("places")


async def asked(job: Callable[[Reader], T], *jobs: Callable[[Transaction], None]) -> T:
    async with stored(*jobs) as store:
        return await store.read(job)


async def test_a_position_of_an_undivided_log_is_found_signed_or_not() -> None:
    positions = [ONE.entry(seq) for seq in (1, 3, 20, 29, LAST)]
    found = await asked(lambda r: places(r, 1, positions), undivided)
    assert [place.path for place in found] == [((ROOT, p.seq),) for p in positions]
    assert {(place.held, place.forked) for place in found} == {(LAST, False)}


async def test_what_lies_on_another_branch_or_further_on_is_not_found() -> None:
    positions = [TWO.entry(FORK), TWO.entry(LAST), ClockEntry(ROOT, LAST + 1, bytes(32))]
    found = await asked(lambda r: places(r, 1, positions), undivided)
    assert [place.path for place in found] == [None] * 3
    unknown = await asked(lambda r: places(r, 1, [ONE.entry(3, b"?" * 32)]), undivided)
    assert (unknown[0].held, unknown[0].path) == (0, None)


async def test_whoever_names_the_undivided_log_is_found_on_its_branch() -> None:
    positions = [ONE.entry(30), TWO.entry(30), ONE.entry(20), TWO.entry(FORK)]
    found = await asked(lambda r: places(r, 1, positions), forked)
    trunk = (ROOT, FORK - 1)
    assert [place.path for place in found] == [
        ((ONE.branch, 30), trunk),
        ((TWO.branch, 30), trunk),
        ((ROOT, 20),),
        ((TWO.branch, FORK), trunk),
    ]
    assert {(place.held, place.forked) for place in found} == {(LAST, True)}


async def test_whoever_names_a_branch_is_found_there() -> None:
    positions = [ONE.entry(30, ONE.branch), ONE.entry(7, ONE.branch), TWO.entry(30, ONE.branch)]
    found = await asked(lambda r: places(r, 1, positions), forked)
    paths = [place.path for place in found]
    assert paths == [((ONE.branch, 30), (ROOT, FORK - 1)), ((ROOT, 7),), None]


async def test_heads_are_those_of_the_log_that_is_asked_for() -> None:
    for log, chain in ((ONE.branch, ONE), (TWO.branch, TWO)):
        seqs = (1, 19, 20, FORK, FORK + 1, LAST)
        heads = await asked(lambda r: BranchIndex(r, 1).heads(log, seqs), forked)  # noqa: B023
        assert heads == [chain.heads[s] if s <= SHORT or chain is ONE else None for s in seqs]
    assert await asked(lambda r: BranchIndex(r, 1).heads(b"?" * 32, [1]), forked) == [None]


async def frames_for(known: dict[bytes, int]) -> dict[bytes | None, list[int]]:
    """What a peer that holds ``known`` is sent, by branch, each frame proven."""
    request = ReadRuns(1, SCOPE, None, known, {})
    page = await asked(lambda r: read_page(r, 1, request, until=1000), forked)
    assert page.exhausted
    branches: dict[int, bytes | None] = {}
    sent: dict[bytes | None, list[int]] = {}
    for entry in page.entries:
        frame = decode_frame_untrusted(entry.frame)
        if entry.announcement is not None:
            branches[entry.announcement.ref] = entry.announcement.branch
        branch = branches[frame.ref]
        chain = TWO if branch == TWO.heads[FORK] else ONE
        verify_frame_untrusted(frame, PUBLIC, chain.heads[frame.first - 1])
        sent.setdefault(branch, []).extend(record.seq for record in frame.records)
    return sent


async def test_whoever_holds_nothing_is_sent_the_trunk_and_both_branches() -> None:
    # The run in which the fork lies begins in the trunk, where nothing after 18 is signed.
    assert await frames_for({}) == {
        None: list(range(1, 19)),
        ONE.heads[FORK]: list(range(19, LAST + 1)),
        TWO.heads[FORK]: list(range(19, SHORT + 1)),
    }


async def test_whoever_holds_one_branch_is_sent_the_other_from_the_fork_on() -> None:
    assert await frames_for({ROOT: FORK - 1, ONE.branch: LAST}) == {
        TWO.heads[FORK]: list(range(FORK, SHORT + 1))
    }
    assert await frames_for({ROOT: LAST, TWO.branch: 30}) == {
        ONE.heads[FORK]: list(range(FORK, LAST + 1)),
        TWO.heads[FORK]: list(range(31, SHORT + 1)),
    }


async def test_a_payload_is_served_only_where_no_other_branch_can_be_meant() -> None:
    wanted = [(ROOT, 20), (ROOT, 30), (TWO.branch, 30), (b"?" * 32, 1), (ONE.branch, 3)]
    found = await asked(lambda r: payloads_of(r, 1, wanted), forked)
    assert found == [
        ONE.records[19].payload,
        None,
        TWO.records[29].payload,
        None,
        ONE.records[2].payload,
    ]


async def test_dropped_payloads_leave_as_hashes_and_are_told_to_be_owed() -> None:
    def drop(tx: Transaction) -> None:
        tx.drop_payloads([(1, 2), (1, 3)])
        (n,) = tx.put_engrams([EngramRow(0, 1, bytes(16), 1, 1, 1, 1, 1, 1, 1, 0, 0)])
        tx.put_owed(n, [(1, 3)])

    def job(reader: Reader) -> tuple[list[bytes | None], list[tuple[bytes, int]], list[bool]]:
        page = read_page(reader, 1, ReadRuns(1, SCOPE, None, {ROOT: 0}, {}), until=2)
        records = [r for e in page.entries for r in decode_frame_untrusted(e.frame).records]
        held = payloads_of(reader, 1, [(ROOT, 2), (ROOT, 1)])
        return held, owed_of(reader, 1, 10), [r.payload is None for r in records]

    held, owed, withheld = await asked(job, undivided, drop)
    assert held == [None, ONE.records[0].payload]
    assert owed == [(ROOT, 3)]
    assert withheld[:4] == [False, True, True, False]


class Unlisted:
    """A reader of a store with more logs than anybody wants to look at."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> object:
        assert name != "logs", "a small question costs a look at every log"
        return getattr(self._reader, name)


async def test_a_small_question_does_not_cost_a_look_at_every_log() -> None:
    def job(reader: Reader) -> None:
        small = cast(Reader, Unlisted(reader))
        (place,) = places(small, 1, [ONE.entry(5)])
        assert place.path == ((ROOT, 5),)
        assert BranchIndex(small, 1).heads(ROOT, [5]) == [ONE.heads[5]]
        assert payloads_of(small, 1, [(ROOT, 5)]) == [ONE.records[4].payload]
        assert owed_of(small, 1, 10) == []
        pushes = ReadRuns(1, SCOPE, 1, {}, {}, 0)
        assert read_page(small, 1, pushes, until=99).entries

    await asked(job, undivided)


async def test_a_log_of_another_scope_is_not_found_by_its_id() -> None:
    def elsewhere(tx: Transaction) -> None:
        tx.put_scope(bytes(32), "agent", b"")

    def job(reader: Reader) -> None:
        assert places(reader, 2, [ONE.entry(5)])[0].held == 0
        assert BranchIndex(reader, 2).heads(ROOT, [5]) == [None]
        assert payloads_of(reader, 2, [(ROOT, 5)]) == [None]

    await asked(job, undivided, elsewhere)


async def test_forks_inside_forks_do_not_make_positions_dear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_places, "VISITS_MAX", 1_000)
    names = [number.to_bytes(32, "big") for number in range(1, 201)]

    def nested(tx: Transaction) -> None:
        scope = tx.put_scope(SCOPE, "agent", b"")
        parent: int | None = None
        for depth, name in enumerate(names):
            branch = name if depth else None
            parent = tx.put_log(
                scope, name, 0, PUBLIC, bytes(16), parent=parent, base=depth, branch=branch
            )

    def job(reader: Reader) -> int:
        families = BranchIndex(reader, 1)
        placed = [families.place(ClockEntry(name, 9, bytes(32))) for name in names]
        assert {place.path for place in placed} == {None}
        return families._visited

    assert await asked(job, nested) <= 1_000 + len(names)
