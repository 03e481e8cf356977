"""Living through the graph again, line by line, and comparing what came of it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from time import perf_counter

import trio

from engram_crdt import Dot
from engram_sync.ledger import Draft
from engram_sync.store import Reader

from ._dag import Commit, Dag, Fields
from ._fields import drafts_for, engram_of, puts_of, shown, siblings_of
from ._replica import Replica, Summary

_SLICE_AT_THE_END = 1 << 17
"""Most lines receive most of the history at the end, several records of each engram."""

Progress = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """What a replay found."""

    records: int = 0
    siblings: Counter[str] = field(default_factory=Counter[str])
    """By field: sets of concurrent, unequal values that a sync brought together."""
    replay_seconds: float = 0.0
    converge_seconds: float = 0.0
    compared: int = 0
    """Lines that were brought up to date and compared."""
    received: int = 0
    """Records that were received, over all lines."""
    problems: list[str] = field(default_factory=list[str])
    """What is not as it must be; empty when all is well."""
    live: int = 0
    deleted: int = 0
    store_bytes: int = 0
    compacted_bytes: int = 0
    fullest: int = 0
    """Engrams that lived on a line when most of them did."""
    fullest_bytes: int = 0
    """Size of that line's store then."""


class Replay:
    """One replica per line; each commit is a write on its line, each merge a sync and a write.

    Args:
        dag: What to live through.
        home: An empty directory for the stores.
        nursery: Where the stores are served.
        say: Told how far it is.
    """

    def __init__(self, dag: Dag, home: Path, nursery: trio.Nursery, say: Progress) -> None:
        self.report = Report()
        self._dag = dag
        self._home = home
        self._nursery = nursery
        self._say = say
        self.replicas: dict[int, Replica] = {}
        """Of the lines that are open."""
        self._files: dict[int, dict[str, Fields]] = {}
        """By line: what the file held at its newest commit."""
        self._clocks: dict[str, dict[bytes, int]] = {}
        """By commit: what its line held after it."""
        self._found: set[tuple[bytes, str, frozenset[Dot]]] = set()

    def path(self, line: int) -> Path:
        """Where the store of a line is."""
        return self._home / f"line-{line}" / "store.db"

    async def run(self) -> None:
        """Live through every commit."""
        begun = perf_counter()
        self._files[0] = {}
        self.path(0).parent.mkdir(parents=True)
        self.replicas[0] = await Replica.open(self.path(0), self._nursery)
        for index, commit in enumerate(self._dag.commits):
            await self._commit(commit)
            for line in self._dag.new_lines.get(commit.name, ()):
                here = self.replicas[commit.line]
                self.replicas[line] = await here.copy(self.path(line), self._nursery)
                self._files[line] = dict(self._files[commit.line])
            for line in [n for n in self.replicas if self._dag.last_use[n] == index]:
                if line != self._dag.commits[-1].line:
                    await self.replicas.pop(line).close()
                    del self._files[line]
            if index % 250 == 0:
                self._say(f"{index} of {len(self._dag.commits)} commits")
        self.report.replay_seconds = perf_counter() - begun

    async def _commit(self, commit: Commit) -> None:
        replica, state = self.replicas[commit.line], self._files[commit.line]
        touched = {engram_of(operation.issue) for operation in commit.operations}
        names = {engram_of(issue): issue for issue in state}
        for parent in commit.parents[1:]:
            other = self.replicas[self._dag.by_name[parent].line]
            changed = await replica.pull(other, self._clocks[parent])
            await replica.store.read(partial(self._count_siblings, replica, changed))
            touched |= changed
        for operation in commit.operations:
            operation.apply(state)
            names[engram_of(operation.issue)] = operation.issue
        wanted = {engram: state.get(names.get(engram, "")) for engram in sorted(touched)}
        self.report.records += await replica.write(
            commit.writer,
            # A writer whose lines run side by side has a log on each of them.
            blake2b(b"%d" % commit.line, digest_size=16).digest(),
            commit.time_ms,
            partial(_drafts, replica, wanted),
        )
        self._clocks[commit.name] = replica.clock()
        await replica.store.read(partial(self._check, commit.name, replica, wanted))
        if len(state) > self.report.fullest:
            self.report.fullest = len(state)
            size = await replica.store.read(lambda reader: reader.size())
            self.report.fullest_bytes = size.total_bytes

    def _count_siblings(self, replica: Replica, changed: set[bytes], reader: Reader) -> None:
        for engram in sorted(changed):
            state = replica.state(reader, engram)
            for name, dots in siblings_of(state.elements if state else ()).items():
                key = (engram, name, dots)
                self.report.siblings[name] += key not in self._found
                self._found.add(key)

    def _check(
        self, place: str, replica: Replica, wanted: Mapping[bytes, Fields | None], reader: Reader
    ) -> None:
        """Compare engrams with what the file held."""
        for engram, fields in wanted.items():
            state = replica.state(reader, engram)
            says = None if state is None else shown(state.elements)
            puts = None if fields is None else puts_of(fields)
            must = None if puts is None else {slot: {put[1]} for slot, put in puts.items()}
            if says != must:
                self.report.problems.append(f"at {place} engram {engram.hex()} is not as the file")

    # The end

    async def converge(self, lines: Sequence[int]) -> None:
        """Bring ``lines`` up to date with the last commit and compare each with it."""
        begun = perf_counter()
        target = await self._gather()
        want = await target.summary()
        for count, line in enumerate(lines, start=1):
            replica = self.replicas.get(line)
            if replica is None:
                replica = await Replica.open(self.path(line), self._nursery)
            before = sum(replica.clock().values())
            await replica.pull(target, target.clock(), slice_records=_SLICE_AT_THE_END)
            self.report.received += sum(replica.clock().values()) - before
            await self._compare(line, replica, want)
            if replica is not target:
                await replica.close()
            self._say(f"{count} of {len(lines)} lines compared")
        self.report.converge_seconds = perf_counter() - begun

    async def _gather(self) -> Replica:
        """The replica of the last commit, compared with the file and then given all the rest."""
        last = self._dag.commits[-1]
        target, files = self.replicas[last.line], self._files[last.line]
        everything = {engram_of(issue): fields for issue, fields in files.items()}
        await target.store.read(partial(self._check, last.name, target, everything))
        live = (await target.summary()).live
        if live != len(files):
            self.report.problems.append(f"{live} engrams live where {len(files)} issues do")
        inner = {name for commit in self._dag.commits for name in commit.parents}
        for commit in self._dag.commits:
            if commit.name not in inner and commit is not last:
                other = await Replica.open(self.path(commit.line), self._nursery)
                await target.pull(other, self._clocks[commit.name])
                await other.close()
        return target

    async def _compare(self, line: int, replica: Replica, want: Summary) -> None:
        """Report how one line differs from the last commit's."""
        have = await replica.summary()
        self.report.compared += 1
        if have.clock != want.clock:
            self.report.problems.append(f"line {line} holds other records than the last commit")
        elif have != want:
            self.report.problems.append(
                f"line {line} holds the same records as the last commit and another state:"
                f" digest {have.digest:064x}, not {want.digest:064x};"
                f" {have.live} live and {have.deleted} deleted, not {want.live} and {want.deleted}"
            )


def _drafts(
    replica: Replica, wanted: Mapping[bytes, Fields | None], reader: Reader, own_log: bytes
) -> list[Draft]:
    drafts: list[Draft] = []
    for engram, fields in wanted.items():
        drafts += drafts_for(engram, replica.state(reader, engram), fields, own_log)
    return drafts


async def replay(
    dag: Dag,
    home: Path,
    *,
    lines: int | None = None,
    say: Progress = lambda _: None,
    plant: Callable[[Replay], None] = lambda _: None,
) -> Report:
    """Replay ``dag`` in the empty directory ``home``.

    Args:
        dag: What happened.
        home: Where the replicas keep their stores.
        lines: How many lines to compare at the end, evenly spaced; None means all.
        say: Told how far it is.
        plant: Given the replay before the lines are compared, to spoil something.
    """
    async with trio.open_nursery() as nursery:
        run = Replay(dag, home, nursery, say)
        await run.run()
        plant(run)
        chosen = list(range(dag.lines))
        if lines is not None and lines < dag.lines:
            chosen = [dag.lines * n // lines for n in range(lines)]
        await run.converge(chosen)
        report, target = run.report, run.replicas[dag.commits[-1].line]
        summary = await target.summary()
        report.live, report.deleted = summary.live, summary.deleted
        await target.close()
        report.store_bytes = target.path.stat().st_size
        target = await Replica.open(target.path, nursery)
        await target.store.compact()
        await target.close()
        report.compacted_bytes = target.path.stat().st_size
    return report
