"""Where positions that a peer names lie among the logs held here, and the heads it asks for.

Two nodes may call a forked log by different names, but a chain head says everything before it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from engram_sync.store import LogRow, Reader
from engram_sync.sync import Placed
from engram_wire import ClockEntry, extend

WALK_RECORDS_MAX = 65_536
"""Records walked in one job to find heads without a signature of their own: half a second, and
256 of them.  Hardly any position that honest nodes name lies inside a run."""
VISITS_MAX = 65_536
"""Logs looked at in one job, and named in its answer.  Without forks it is one for each position,
so at most 8,192; whoever forks its logs inside forks would make it as many for each."""


class BranchIndex:
    """The logs of one scope with their branches, for the duration of one job.

    Args:
        reader: One state of the store.
        scope: The store's number of the scope.
    """

    def __init__(self, reader: Reader, scope: int) -> None:
        self._reader = reader
        self._scope = scope
        self._rows: dict[int, LogRow] = {}
        self._branches: dict[int, list[LogRow]] | None = None
        self._walked = 0
        self._visited = 0

    def all(self) -> list[LogRow]:
        """Every log of the scope."""
        self._rows = {row.n: row for row in self._reader.logs_of(self._scope, closed=True)}
        return list(self._rows.values())

    def row(self, n: int) -> LogRow:
        """The log of that number, which is held."""
        row = self._rows.get(n)
        if row is None:
            # One by one: a peer's smallest question must not cost a look at every log.
            row = self._reader.log(n)
            assert row is not None, f"log {n} is named and not held"
            self._rows[n] = row
        return row

    def log(self, log: bytes) -> LogRow | None:
        """The log of that id; None when it is not held in this scope."""
        row = self._reader.log_by_id(log)
        return row if row is not None and row.scope == self._scope else None

    def _children(self, row: LogRow) -> list[LogRow]:
        if self._branches is None:
            self._branches = {}
            for branch in self._reader.branches(self._scope):
                assert branch.parent is not None
                self._rows[branch.n] = branch
                self._branches.setdefault(branch.parent, []).append(branch)
        return self._branches.get(row.n, [])

    def shown(self, row: LogRow, first: int, known: Mapping[bytes, int]) -> int:
        """How far along the path of a log a peer is known to hold it.

        Args:
            row: The log.
            first: From which position on that matters.
            known: The newest position of each log that the peer holds.
        """
        reached = known.get(row.id, 0)
        # What is at most at its base may be known by the name of a log that it branched off.
        while row.parent is not None and first <= row.base:
            base, row = row.base, self.row(row.parent)
            reached = max(reached, min(known.get(row.id, 0), base))
        return reached

    def place(self, position: ClockEntry) -> Placed:
        """Where a position lies that a peer names."""
        root = self.log(position.log)
        if root is None:
            return Placed(0, False, None)
        if self._visited > VISITS_MAX:
            return Placed(root.seq, True, None)
        family = list(self._family(root))
        self._visited += len(family)
        held = max(row.seq for row in family)
        for row in family:
            # What lies at or before its base is looked up in the log that it branched off.
            lies = position.seq <= row.seq and (row is root or position.seq > row.base)
            if lies and self._head(row, position.seq) == position.head:
                return Placed(held, len(family) > 1, self._path(row, position.seq))
        return Placed(held, len(family) > 1, None)

    def heads(self, log: bytes, seqs: Iterable[int]) -> list[bytes | None]:
        """The chain heads of a log at some positions; None where nothing of that name is held."""
        row = self.log(log)
        return [
            self._head(row, seq) if row is not None and 0 < seq <= row.seq else None for seq in seqs
        ]

    def _family(self, root: LogRow) -> Iterator[LogRow]:
        # No recursion: whoever holds a key can fork its log inside a fork as often as it likes.
        waiting = [root]
        while waiting:
            row = waiting.pop()
            yield row
            waiting += self._children(row)

    def _holder(self, row: LogRow, seq: int) -> LogRow:
        """The log on the path of ``row`` that has the record at ``seq`` itself."""
        while row.parent is not None and seq <= row.base:
            row = self.row(row.parent)
            self._visited += 1
        return row

    def _path(self, row: LogRow, seq: int) -> tuple[tuple[bytes, int], ...]:
        row = self._holder(row, seq)
        path = [(row.id, seq)]
        while row.parent is not None:
            base, row = row.base, self.row(row.parent)
            path.append((row.id, base))
        self._visited += len(path)
        return tuple(path)

    def _head(self, row: LogRow, seq: int) -> bytes | None:
        """The chain head of a log at a position held, signed or not.

        None when too much has been walked for it: then the position counts as not found, and what
        may be held already is sent again.
        """
        row = self._holder(row, seq)
        if seq == row.seq:
            return row.head
        run = self._reader.run_before(row.n, seq)
        if run is not None:
            done, head = run.last, run.head
        elif row.parent is not None:
            # The parent ends where its branches begin.
            done, head = row.base, self.row(row.parent).head
        else:
            done, head = 0, row.id
        self._walked += seq - done
        if self._walked > WALK_RECORDS_MAX:
            return None
        for record in self._reader.records(row.n, done + 1, seq):
            head = extend(head, record)
        return head


def places(reader: Reader, scope: int, positions: Sequence[ClockEntry]) -> list[Placed]:
    """Where each of the positions lies that a peer names."""
    families = BranchIndex(reader, scope)
    return [families.place(position) for position in positions]
