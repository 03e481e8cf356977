"""Looking after what is stored: doctor checks all of it, compact makes it smaller.

Both work in slices, so that memories are read and written meanwhile.
"""

from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from engram_crdt import DIGEST_MODULUS
from engram_sync.api import Check, Compaction, Doctor, Saving
from engram_sync.errors import CorruptError, DegradedError
from engram_sync.memory.materialise import compare_rows, rows_of
from engram_sync.memory.state import Snapshot
from engram_sync.node.background.clock_checks import clock_problems
from engram_sync.node.background.erasures import erasures
from engram_sync.node.background.log_counts import open_log_problems
from engram_sync.node.background.materialising import Materialising
from engram_sync.node.core import Core
from engram_sync.node.limits import MATERIALISE_WEIGHT_MIN
from engram_sync.node.upkeep.log_checks import log_checks
from engram_sync.node.upkeep.space import CompactedSlice, compact_slice, plan_slice
from engram_sync.store import EngramRow, MergedRuns, Reader, ScopeRow, Transaction

DAY_MS = 86_400_000
CHECK_SLICES = 1_000
"""Slices of records that arrive meanwhile, for which a check waits before it calls itself
unfinished; beside those for what waited when it began."""
CHECK_ROWS = 64
"""Memories replayed in one job: each costs a fraction of a millisecond per record."""
MERGE_RUNS = 512
"""Runs looked at in one commit."""
SHOWN_MAX = 5
"""Problems of one check that are told in full; whoever has more has the same one many times."""
REPAIR = "see docs/operations.md, When something is damaged"


async def doctor(core: Core, materialising: Materialising, *, keep_days: float) -> Doctor:
    """Check everything that is stored; changes nothing.

    Args:
        core: The node.
        materialising: What waits is looked at too.
        keep_days: What a compaction would keep, for what it would save.
    """
    await materialising.wait_materialised()
    checks = [
        _damage("store", await core.store.integrity(), "no page or row contradicts another"),
        await _examined("logs", _logs(core)),
        await _examined("memories", _documents(core, materialising)),
    ]
    saving = Savings()
    if not any(check.damaged for check in checks):  # Else the rest could not be believed.
        checks += await _shortcomings(core)
        await _shrink(core, saving, _days_ago(core, keep_days), dry=True)
    return Doctor(
        healthy=all(check.ok for check in checks),
        checks=tuple(checks),
        saving=saving.total(),
        store_bytes=await _store_bytes(core),
    )


async def compact(
    core: Core, materialising: Materialising, *, keep_days: float, dry_run: bool
) -> Compaction:
    """Drop payloads that nothing shows any more and rewrite the store without its free pages.

    Args:
        core: The node.
        materialising: What waits is looked at too.
        keep_days: Memories that changed within this time are left alone.
        dry_run: Change nothing and say what would be saved.

    Raises:
        DegradedError: There is no room to rewrite the store; what was dropped stays dropped.
    """
    await materialising.wait_materialised()
    before = await _store_bytes(core)
    saving = Savings()
    await _shrink(
        core, saving, core.environment.clock.now_ms() - round(keep_days * DAY_MS), dry=dry_run
    )
    if not dry_run:
        await core.store.compact()
    return Compaction(saving.total(), before, await _store_bytes(core))


@dataclass(slots=True)
class Savings:
    """What a compaction saves, added up slice by slice."""

    payloads: int = 0
    payload_bytes: int = 0
    runs: int = 0

    def add(self, done: CompactedSlice) -> None:
        """Count what one slice did."""
        for dead in done.done:
            self.payloads += len(dead.positions)
            self.payload_bytes += dead.payload_bytes

    def total(self) -> Saving:
        """The sum."""
        return Saving(self.payloads, self.payload_bytes, self.runs)


def _days_ago(core: Core, days: float) -> int:
    return core.environment.clock.now_ms() - round(days * DAY_MS)


async def _shrink(core: Core, saving: Savings, before_ms: int, *, dry: bool) -> None:
    for scope in tuple(core.scopes):
        after: EngramRow | None = None
        while True:
            if dry:
                part = await core.read(partial(_planned, core, scope, after, before_ms))
            else:
                part = await core.write(partial(_compacted, core, scope, after, before_ms))
            saving.add(part)
            after = part.after
            if after is None:
                break
        saving.runs += await _merge(core, scope, before_ms, dry=dry)


def _planned(
    core: Core, scope: bytes, after: EngramRow | None, before_ms: int, reader: Reader
) -> CompactedSlice:
    now = Snapshot(reader, core.path.logs_at(reader))
    return plan_slice(core.path, now, scope, after, before_ms)


def _compacted(
    core: Core, scope: bytes, after: EngramRow | None, before_ms: int, tx: Transaction
) -> CompactedSlice:
    return compact_slice(core.path, tx, scope, after, before_ms)


async def _merge(core: Core, scope: bytes, before_ms: int, *, dry: bool) -> int:
    """Join runs, and count the signatures that are no longer stored."""
    number = core.path.ledger.scope_number(scope)
    removed = after = 0
    while True:
        step = _MergeStep(number, before_ms, after, dry)
        merged = await core.store.submit(step.run, weight=MERGE_RUNS)
        removed += merged.removed
        if merged.arrival is None:
            return removed
        after = merged.arrival


class _UndoneError(Exception):
    """Takes back what a dry run did; never leaves this module."""

    def __init__(self, merged: MergedRuns) -> None:
        super().__init__()
        self.merged = merged


@dataclass(frozen=True, slots=True)
class _MergeStep:
    scope: int
    before_ms: int
    after: int
    dry: bool

    def run(self, tx: Transaction) -> MergedRuns:
        try:
            with tx.savepoint():
                merged = tx.merge_runs(
                    self.scope, MERGE_RUNS, self.before_ms, after_arrival=self.after
                )
                if self.dry:
                    raise _UndoneError(merged)
        except _UndoneError as undone:
            return undone.merged
        return merged


async def _store_bytes(core: Core) -> int:
    """The store with its write-ahead log."""
    pages = await core.read(lambda reader: reader.size().total_bytes)
    waiting = core.home / "store.db-wal"
    return pages + (waiting.stat().st_size if waiting.exists() else 0)


# -- checks ----------------------------------------------------------------------------------


def _damage(name: str, problems: Iterable[str], fine: str) -> Check:
    """A check that finds damage or nothing."""
    found = list(problems)
    if not found:
        return Check(name, ok=True, detail=fine)
    more = [f"and {len(found) - SHOWN_MAX:,} more"] if len(found) > SHOWN_MAX else []
    return Check(
        name, ok=False, detail="; ".join([*found[:SHOWN_MAX], *more, REPAIR]), damaged=True
    )


async def _examined(name: str, examination: Awaitable[Check]) -> Check:
    """A check that may come upon what cannot be read at all."""
    try:
        return await examination
    except CorruptError as error:
        return _damage(name, [str(error)], "")


async def _logs(core: Core) -> Check:
    """Every hash chain and every signature."""
    checks, said = await core.read(log_checks)
    for check in checks:
        while await core.read(check.page):
            pass
    faults = [check.fault.text() for check in checks if check.fault is not None]
    faults += [] if faults else await core.read(lambda reader: list(said.wrong(reader)))
    if not faults:
        with suppress(DegradedError):  # On a full disk, what can only be read is checked.
            faults += await core.write(core.path.cuts.wrong)
    records = sum(check.records for check in checks)
    return _damage(
        "logs", faults, f"as their authors signed them: {records:,} records in {len(checks):,} logs"
    )


async def _documents(core: Core, materialising: Materialising) -> Check:
    """Every memory against the records that it was made from, and the sum of all of them."""
    problems: list[str] = []
    count = 0
    patience = await core.read(_patience)
    for scope in tuple(core.scopes):
        after: EngramRow | None = None
        total, began = 0, -1
        while True:
            page = await _checked_page(core, materialising, scope, after, patience)
            if page is None:
                return _unfinished(problems, count)
            problems += page.problems
            count += page.rows
            total += page.digest
            began = page.scope.changes if after is None else began
            after = page.after
            if after is None:
                break
        # What was written meanwhile is in one of the two and not in the other.
        if page.scope.changes == began and total % DIGEST_MODULUS != page.scope.digest:
            problems.append(f"scope {scope.hex()[:16]} has another digest than its memories make")
    return _damage("memories", problems, f"as their records say: {count:,}")


def _unfinished(problems: list[str], count: int) -> Check:
    """What was found until more arrived than could be compared."""
    if problems:
        return _damage("memories", problems, "")
    detail = (
        f"as their records say, the {count:,} that were compared; more arrives than can be"
        " compared, so run it again later"
    )
    return Check("memories", ok=False, detail=detail)


@dataclass(frozen=True, slots=True)
class _Page:
    rows: int
    problems: list[str]
    digest: int
    after: EngramRow | None
    scope: ScopeRow


@dataclass(slots=True)
class _Patience:
    """How long a check waits for records that keep arriving: for what waited when it began, and
    some more, but not for ever.
    """

    slices: int

    def spent(self) -> bool:
        """Count one slice that is waited for; whether that was one too many."""
        self.slices -= 1
        return self.slices < 0


def _patience(reader: Reader) -> _Patience:
    rows = [(row.n, row.materialised) for row in reader.scopes()]
    waiting = sum(reader.records_after(n, materialised) for n, materialised in rows)
    return _Patience(CHECK_SLICES + 2 * waiting // MATERIALISE_WEIGHT_MIN)


async def _checked_page(
    core: Core,
    materialising: Materialising,
    scope: bytes,
    after: EngramRow | None,
    patience: _Patience,
) -> _Page | None:
    """Compare the next rows of a scope, once nothing of it waits to be materialised.

    Returns:
        None where more arrives than is materialised.
    """

    def job(reader: Reader) -> _Page | None:
        row = reader.scope(core.path.ledger.scope_number(scope))
        assert row is not None
        if row.materialised < reader.last_arrival(row.n):
            return None
        rows = list(rows_of(reader, row.n, after, CHECK_ROWS))
        problems, digest = compare_rows(Snapshot(reader, core.path.logs_at(reader)), row, rows)
        last = rows[-1] if len(rows) == CHECK_ROWS else None
        return _Page(len(rows), problems, digest, last, row)

    while True:
        page = await core.read(job)
        if page is not None or patience.spent():
            return page
        await materialising.materialise_pending(scope)


async def _shortcomings(core: Core) -> list[Check]:
    """What is stored as it should be, and yet not all that somebody would wish."""
    forks = [fork for view in core.scopes.values() for fork in view.forks]
    owed = sum(view.owed for view in core.scopes.values())
    sealed = sum(view.sealed[0] for view in core.scopes.values())
    waiting, clocks, logs = await core.read(
        lambda reader: (
            erasures(core, reader),
            clock_problems(core, reader),
            open_log_problems(core, reader),
        )
    )
    problems = [text for name, text in core.problems.items() if not name.startswith("fork ")]
    problems += core.contradictions()
    return [
        Check(
            "forks",
            ok=True,
            detail=f"{len(forks)} logs are forked, and all of it is kept; see status"
            if forks
            else "no log is forked",
        ),
        Check(
            "clocks",
            ok=not clocks,
            detail="; ".join(clocks) or "nothing is dated ahead of this machine's clock",
        ),
        Check(
            "values",
            ok=not owed,
            detail=f"{owed:,} values have not arrived; connect with a member that holds them"
            if owed
            else "every value that is shown is here",
        ),
        Check("erasures", ok=True, detail=f"{waiting.number:,} wait for a member to confirm"),
        Check(
            "open logs",
            ok=not logs,
            detail="; ".join(logs) or "nobody has more logs that may go on than it needs",
        ),
        Check("sealed logs", ok=True, detail=f"{sealed:,} finished logs are no longer compared"),
        Check("problems", ok=not problems, detail="; ".join(problems) or "none"),
    ]
