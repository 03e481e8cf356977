"""What the data model costs, as multiples of one Ed25519 verification measured in the same run.

Nothing here waits for a disk: the stores are in memory, and all work is done in place.  So the time
is that of the processor, which other programs do not lengthen.  Each figure is the median of
rounds, and each round measures the verification again.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import nacl.bindings as sodium
import trio

from benchmarks.bare_model import bare_model
from benchmarks.peer import DIALING, LOOPBACK, fill, resident_mib
from engram_sync import Config, Node
from engram_sync.api.arguments import MemoryUpdate
from engram_sync.ledger import Draft
from engram_sync.memory.read import CallerView, find_exact, observe
from engram_sync.memory.state import Snapshot
from engram_sync.memory.write import update
from engram_sync.node.core import Core
from engram_sync.node.home.environment import DirectoryStorage
from engram_sync.node.home.files import Home
from engram_sync.node.writing.arrivals import Arrival, arrival_untrusted
from engram_sync.store import MemoryStore, Reader, Store, Transaction
from engram_sync.store._commit import Committer, Failed
from engram_sync.testing import InlineExecutor
from engram_wire import (
    RUN_RECORDS_MAX,
    Announcement,
    RecordKind,
    Superseded,
    cbor,
    encode_frame,
)

Result = dict[str, Any]
Announced = tuple[dict[int, Announcement], bytes]
"""A frame, and the logs that its sender has announced."""
ROUNDS = 9
MEMORIES = 256
SUPERSEDED = 10_000
VERIFICATIONS = 200


class _Unsynced(DirectoryStorage):
    """A home whose store is in memory and works in place."""

    async def open_store(self) -> Store:
        """The store called like the home."""
        return await MemoryStore.open(self.path.name, InlineExecutor())


@asynccontextmanager
async def _node(home: Path, config: Config | None = None) -> AsyncGenerator[Node]:
    storage = _Unsynced(Home(home))
    async with Node.open(home, config=config, services=(), storage=storage) as node:
        yield node


def _verification_us() -> float:
    public, secret = sodium.crypto_sign_seed_keypair(b"s" * 32)
    signed = sodium.crypto_sign(b"m" * 53, secret)
    start = time.process_time()
    for _ in range(VERIFICATIONS):
        sodium.crypto_sign_open(signed, public)
    return (time.process_time() - start) / VERIFICATIONS * 1e6


def _commit(core: Core, job: Callable[[Transaction], object]) -> None:
    """Commit ``job`` as the writer does, without its queue."""
    store = core.store
    assert isinstance(store, MemoryStore)
    committer: Committer = store._committer

    (outcome,) = committer.commit([lambda tx: core.path.run(tx, job)])
    if isinstance(outcome, Failed):
        raise outcome.error


def _seen(core: Core, tx: Transaction, engram: bytes) -> CallerView:
    """What a caller who names no version means."""
    row = tx.scope(core.path.ledger.scope_number(core.facts.agent_scope))
    assert row is not None
    state = find_exact(Snapshot(tx, core.path.logs), row, engram)
    assert state is not None
    return observe(Snapshot(tx, core.path.logs), state, None)


def _change(core: Core, engram: bytes, value: float) -> Callable[[Transaction], None]:
    """The job that writes one field of one memory."""
    scope, path = core.facts.agent_scope, core.path

    def job(tx: Transaction) -> None:
        seen, own = _seen(core, tx, engram), path.own_log(scope).id
        path.write(
            tx, scope, update(Snapshot(tx, path.logs), seen, MemoryUpdate(confidence=value), own)
        )

    return job


def _missing(core: Core, held: dict[bytes, int], reader: Reader) -> list[Announced]:
    """Everything of the agent's scope beyond ``held``, as a peer would receive it."""
    scope = core.facts.agent_scope
    number = core.path.ledger.scope_number(scope)
    logs = {log.n: log for log in reader.logs() if log.scope == number}
    announced = {
        log.n: Announcement(log.n, log.domain, log.author, log.incarnation) for log in logs.values()
    }
    frames: list[Announced] = []
    for run in reader.runs(number, 0, 1 << 30):
        if run.last > held.get(logs[run.log].id, 0):
            records = reader.records(run.log, run.first, run.last)
            data = encode_frame(run.log, records, [(run.last, run.signature)])
            frames.append((announced, data))
    return frames


async def _write_one_field(a: Node, ids: Sequence[bytes]) -> tuple[float, float]:
    """(multiple of a verification, its microseconds) of one write of one field."""
    core, ratios, costs = a._core, list[float](), list[float]()
    for round_ in range(ROUNDS):
        start = time.process_time()
        for number, engram in enumerate(ids):
            _commit(core, _change(core, engram, ((round_ * 131 + number) % 1000) / 1000))
        each = (time.process_time() - start) / len(ids) * 1e6
        costs.append(_verification_us())
        ratios.append(each / costs[-1])
        await trio.lowlevel.checkpoint()
    return statistics.median(ratios), statistics.median(costs)


async def _ingest(a: Node, b: Node, ids: Sequence[bytes], *, together: bool) -> float:
    """Multiple of a verification that B needs for a record of A about a memory that B holds."""
    core, ratios = b._core, list[float]()
    scope = core.facts.agent_scope
    for round_ in range(ROUNDS):
        if together:
            _write_together(a._core, ids, (round_ * 11 % 997) / 1000)
        else:
            for number, engram in enumerate(ids):
                _commit(a._core, _change(a._core, engram, (round_ * 7 + number) % 997 / 1000))
        held = {log.id: log.seq for log in core.path.ledger.logs(scope)}
        frames = await a._core.store.read(partial(_missing, a._core, held))
        start = time.process_time()
        for announced, data in frames:
            _commit(core, partial(_take, core, arrival_untrusted(scope, announced, data)))
        each = (time.process_time() - start) / len(ids) * 1e6
        ratios.append(each / _verification_us())
        await trio.lowlevel.checkpoint()
    return statistics.median(ratios)


def _take(core: Core, arrival: Arrival, tx: Transaction) -> None:
    """The job that stores a frame and brings the documents up to date."""
    intake = core.path.ingest(tx, [arrival])
    assert intake.error is None, intake.error
    core.path.materialise_all(tx, arrival.scope)


def _write_together(core: Core, ids: Sequence[bytes], value: float) -> None:
    """One field of each memory, under one signature per 256."""
    scope, path = core.facts.agent_scope, core.path

    def job(tx: Transaction) -> None:
        drafts: list[Draft] = []
        own = path.own_log(scope).id
        for number, engram in enumerate(ids):
            changes = MemoryUpdate(confidence=(value + number / 4096) % 1)
            drafts += update(Snapshot(tx, path.logs), _seen(core, tx, engram), changes, own)
        path.write(tx, scope, drafts)

    _commit(core, job)


def _change_often(core: Core, engram: bytes, count: int, tx: Transaction) -> None:
    """The job that writes one field again and again, each time over the write before."""
    scope = core.facts.agent_scope
    (before,) = _seen(core, tx, engram).live("o/confidence")
    clocks = range(before.dot.clock, before.dot.clock + count)
    drafts = [
        Draft(
            RecordKind.UPDATE,
            engram,
            (("o/confidence", cbor.encode(clock % 1000 / 1000)),),
            (Superseded(0, None, clock),),
        )
        for clock in clocks
    ]
    core.path.write(tx, scope, drafts)


async def _open_compacted(node: Node) -> float:
    """Milliseconds to read a memory with many superseded writes after compaction."""
    core = node._core
    name = await node.remember("how often can one change one's mind", confidence=0.5)
    engram = bytes.fromhex(name.id.replace("-", ""))
    for done in range(0, SUPERSEDED, RUN_RECORDS_MAX):
        _commit(core, partial(_change_often, core, engram, min(RUN_RECORDS_MAX, SUPERSEDED - done)))
        await trio.lowlevel.checkpoint()
    await node.compact(keep_days=0)
    scope = core.path.ledger.scope_number(core.facts.agent_scope)

    def load(reader: Reader) -> None:
        row = reader.scope(scope)
        assert row is not None
        assert find_exact(Snapshot(reader, core.path.logs), row, engram) is not None

    waits: list[float] = []
    for _ in range(ROUNDS):
        start = time.process_time()
        await core.store.read(load)
        waits.append((time.process_time() - start) * 1e3)
    return statistics.median(waits)


async def model(count: int, runs: int) -> Result:
    """One write, one foreign record, one much-changed document, and ``count`` memories in RAM."""
    del runs  # The rounds are within.
    result: Result = dict(bare_model(_verification_us))
    with tempfile.TemporaryDirectory(prefix="engram-bench-") as scratch:
        a_home, b_home = Path(scratch) / "a", Path(scratch) / "b"
        async with AsyncExitStack() as stack:
            a = await stack.enter_async_context(_node(a_home, LOOPBACK))
            b = await stack.enter_async_context(_node(b_home, DIALING))
            ids = [bytes.fromhex(name.replace("-", "")) for name in await fill(a, MEMORIES)]
            await b.join(await a.invite())
            await b.sync()
        # Without a network from here on: what B receives, and when, is this function's business.
        async with _node(a_home) as a, _node(b_home) as b:
            result["write_one_field_x"], result["verification_us"] = await _write_one_field(a, ids)
            result["ingest_alone_x"] = await _ingest(a, b, ids, together=False)
            result["ingest_in_bulk_x"] = await _ingest(a, b, ids, together=True)
            result["open_superseded_ms"] = await _open_compacted(a)
        for name in ("a", "b"):
            MemoryStore.discard(name)
        result |= await trio.to_thread.run_sync(_resident, count, Path(scratch))
    return result


def _resident(count: int, scratch: Path) -> Result:
    """What ``count`` memories add to the resident set of a process that holds a node open."""
    empty, full = scratch / "empty", scratch / "full"
    trio.run(_fill_home, full, count)
    rows: list[Result] = []
    for home in (empty, full):
        command = [sys.executable, "-m", "benchmarks.model", str(home)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
    return {
        "empty_node_mib": rows[0]["open"],
        "memories_mib": rows[1]["open"] - rows[0]["open"],
        "memories_recalled_mib": rows[1]["recalled"] - rows[0]["recalled"],
    }


async def _fill_home(home: Path, count: int) -> None:
    async with Node.open(home, services=()) as node:
        await fill(node, count)
        await node.recall("timezone lisbon")


async def _tell_resident(home: Path) -> None:
    async with Node.open(home, services=()) as node:
        before = resident_mib()
        for _ in range(20):
            await node.recall("timezone lisbon")
        print(json.dumps({"open": before, "recalled": resident_mib()}))


if __name__ == "__main__":
    trio.run(_tell_resident, Path(sys.argv[1]))
