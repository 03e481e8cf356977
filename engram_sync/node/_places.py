"""Where positions that a peer names lie among the logs held here, and the heads it asks for.

Two nodes may call a forked log by different names, but a chain head says everything before it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from engram_sync.replication import Placed
from engram_sync.store import LogRow, Reader
from engram_wire import ClockEntry, extend

WALK_RECORDS_MAX = 65_536
"""Records walked in one job to find heads without a signature of their own: half a second, and
256 of them.  Hardly any position that honest nodes name lies inside a run."""


class Families:
    """The logs of one scope with their branches, for the duration of one job.

    Args:
        reader: One state of the store.
        scope: The store's number of the scope.
    """

    def __init__(self, reader: Reader, scope: int) -> None:
        self._reader = reader
        self._rows = {row.n: row for row in reader.logs() if row.scope == scope}
        self._by_id = {row.id: row for row in self._rows.values()}
        self._walked = 0
        self._children: dict[int, list[LogRow]] = {}
        for row in self._rows.values():
            if row.parent is not None:
                self._children.setdefault(row.parent, []).append(row)

    @property
    def rows(self) -> Mapping[int, LogRow]:
        """Every log of the scope by its number."""
        return self._rows

    def log(self, log: bytes) -> LogRow | None:
        """The log of that id; None when it is not held."""
        return self._by_id.get(log)

    def shown(self, row: LogRow, known: Mapping[bytes, int]) -> int:
        """How far along the path of a log a peer is known to hold it.

        Args:
            row: The log.
            known: The newest position of each log that the peer holds.
        """
        reached = known.get(row.id, 0)
        while row.parent is not None:
            base, row = row.base, self._rows[row.parent]
            reached = max(reached, min(known.get(row.id, 0), base))
        return reached

    def place(self, position: ClockEntry) -> Placed:
        """Where a position lies that a peer names."""
        root = self._by_id.get(position.log)
        if root is None:
            return Placed(0, False, None)
        family = list(self._family(root))
        held = max(row.seq for row in family)
        for row in family:
            # What lies at or before its base is looked up in the log that it branched off.
            lies = position.seq <= row.seq and (row is root or position.seq > row.base)
            if lies and self._head(row, position.seq) == position.head:
                return Placed(held, len(family) > 1, self._path(row, position.seq))
        return Placed(held, len(family) > 1, None)

    def heads(self, log: bytes, seqs: Iterable[int]) -> list[bytes | None]:
        """The chain heads of a log at some positions; None where nothing of that name is held."""
        row = self._by_id.get(log)
        return [
            self._head(row, seq) if row is not None and 0 < seq <= row.seq else None for seq in seqs
        ]

    def _family(self, root: LogRow) -> Iterator[LogRow]:
        # No recursion: whoever holds a key can fork its log inside a fork as often as it likes.
        waiting = [root]
        while waiting:
            row = waiting.pop()
            yield row
            waiting += self._children.get(row.n, ())

    def _path(self, row: LogRow, seq: int) -> tuple[tuple[bytes, int], ...]:
        while row.parent is not None and seq <= row.base:
            row = self._rows[row.parent]
        path = [(row.id, seq)]
        while row.parent is not None:
            base, row = row.base, self._rows[row.parent]
            path.append((row.id, base))
        return tuple(path)

    def _head(self, row: LogRow, seq: int) -> bytes | None:
        """The chain head of a log at a position held, signed or not.

        None when too much has been walked for it: then the position counts as not found, and what
        may be held already is sent again.
        """
        while row.parent is not None and seq <= row.base:
            row = self._rows[row.parent]
        if seq == row.seq:
            return row.head
        run = self._reader.run_before(row.n, seq)
        if run is not None:
            done, head = run.last, run.head
        elif row.parent is not None:
            # The parent ends where its branches begin.
            done, head = row.base, self._rows[row.parent].head
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
    families = Families(reader, scope)
    return [families.place(position) for position in positions]
