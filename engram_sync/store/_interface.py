"""What a store is to the rest of the package.

A job is a plain function of a ``Reader`` or a ``Transaction``.  It runs in the store's executor,
never in the event loop's thread unless the executor says so, and must not keep the object: every
use after the job has ended raises ``DegradedError``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import trio

from engram_wire import Record

from ._reader import Reader
from ._rows import ElementRow, EngramRow, MergedRuns, PartRow, PeerRow, ScopeRow, Size, TextRow

T = TypeVar("T")


class Transaction(Reader, Protocol):
    """What a job may change.  All of it becomes durable together, or nothing does."""

    def on_rollback(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` if what this job has done so far is undone.

        Callbacks run in the executor in reverse order: when the job fails, when the savepoint
        around it fails, or when the whole commit fails.  They must not raise.
        """
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """A block whose changes are undone, and only they, when it raises."""
        ...

    def put_meta(self, key: str, value: bytes) -> None:
        """Keep ``value`` under ``key``, replacing what was there."""
        ...

    def delete_meta(self, key: str) -> None:
        """Forget ``key``; it need not exist."""
        ...

    def put_scope(self, scope_id: bytes, kind: str, secret: bytes, *, current: bool = False) -> int:
        """Add an empty scope and return its number.

        Raises:
            apsw.ConstraintError: There is one with this id.  Out of the job, ``submit`` raises it
                as ``PreconditionError``.
        """
        ...

    def update_scope(self, row: ScopeRow) -> None:
        """Write every column of ``row`` but its number and id."""
        ...

    def put_log(
        self,
        scope: int,
        log_id: bytes,
        domain: int,
        author: bytes,
        incarnation: bytes,
        *,
        parent: int | None = None,
        base: int = 0,
        branch: bytes | None = None,
        follows: int | None = None,
        until: int = 0,
        depth: int = 0,
        jump: int = 0,
    ) -> int:
        """Add an empty log (seq ``base``, head ``log_id``, hlc 0) and return its number."""
        ...

    def split_log(self, log: int, base: int, moved: int) -> None:
        """Give all that ``log`` holds beyond ``base`` to the empty log ``moved``.

        That is: records, causal pasts, marks, receipts, the runs that end there, the logs that
        branched off there, and the seal if it lies there; seq, head and hlc too.  A run that
        straddles ``base`` keeps its first.  What ``log`` is left with is for ``set_head`` to say,
        and the vectors of all pasts of the scope are for the caller to rewrite.
        """
        ...

    def seal_logs(self, ends: Iterable[tuple[int, int]]) -> None:
        """Remember that authors ended logs: (log, seq) of each; 0 takes that back."""
        ...

    def set_head(self, log: int, seq: int, head: bytes, hlc: int) -> None:
        """State how far ``log`` is held."""
        ...

    def put_records(self, log: int, records: Iterable[Record]) -> None:
        """Add records; one whose (log, seq) is held already is an error."""
        ...

    def put_run(
        self,
        log: int,
        first: int,
        last: int,
        head: bytes,
        signature: bytes,
        *,
        at: int | None = None,
    ) -> int:
        """Add a run that arrived at the wall clock ``at`` (ms) and return its arrival number."""
        ...

    def merge_runs(
        self,
        scope: int,
        limit: int,
        before_at: int,
        *,
        after_arrival: int = 0,
    ) -> MergedRuns:
        """Join runs of one log that arrived one after the other; the last signature is kept.

        The positions that lose theirs are still found by ``position_of``.  A joined run has at most
        as many records and bytes as a frame may.  Runs that were not materialised yet, that
        straddle a fork, or that contain an owed payload stay as they are.

        Args:
            scope: Number of the scope.
            limit: Runs to look at.
            before_at: Only runs that arrived before this time (ms), or at an unknown one.
            after_arrival: ``arrival`` of the step before; 0 begins.
        """
        ...

    def put_marks(self, log: int, marks: Iterable[tuple[int, bytes]]) -> None:
        """Add marked positions, (seq, head) each, whose signatures are not held."""
        ...

    def put_past(self, log: int, seq: int, vector: bytes) -> None:
        """Keep the causal-past snapshot of ``log`` at ``seq``."""
        ...

    # Payloads

    def set_payload(self, log: int, seq: int, payload: bytes) -> bool:
        """Add the payload of a record held without; it is owed no more.

        Returns:
            False, and nothing is changed, when it was erased, is held already, has another hash,
            or the record is not held.
        """
        ...

    def drop_payloads(self, positions: Iterable[tuple[int, int]]) -> int:
        """Forget the payloads of these (log, seq); their hashes stay.  Returns the bytes freed."""
        ...

    def erase(self, positions: Iterable[tuple[int, int]]) -> int:
        """``drop_payloads``, for good: no later ``set_payload`` brings one back.

        The bytes are in no file any more once ``Store.purge`` has run after this commit.  What
        was derived from them (rows of engrams, index) is for the caller to rewrite in the same
        transaction.
        """
        ...

    def spare(self, positions: Iterable[tuple[int, int]]) -> None:
        """Undo ``erase`` but for the payloads: they may come again."""
        ...

    def put_owed(self, n: int, positions: Iterable[tuple[int, int]]) -> None:
        """Remember that engram ``n`` lacks the payloads of these (log, seq)."""
        ...

    def drop_owed(self, log: int, seq: int) -> None:
        """The payload of this record is owed no more."""
        ...

    def clear_owed(self, n: int) -> None:
        """Engram ``n`` lacks nothing."""
        ...

    def put_void(self, scope: int, log: bytes, author: bytes, last: int) -> None:
        """What follows position ``last`` of the log of that id is void, if it is that author's."""
        ...

    def drop_void(self, log: bytes, author: bytes) -> None:
        """Nothing of that log is void."""
        ...

    def set_cut(self, log: int, last: int | None) -> None:
        """What follows position ``last`` of log number ``log`` is cut off; None for nothing."""
        ...

    def put_ratified(self, log: int, seq: int, saying: tuple[int, int]) -> None:
        """Record ``seq`` of log ``log`` counts although it is void; (log, seq) says so."""
        ...

    def put_receipt(self, scope: int, log: int, seq: int, key: bytes, at: int) -> None:
        """Remember a receipt; of equal ones the first time stays."""
        ...

    def put_engrams(self, rows: Sequence[EngramRow]) -> range:
        """Add engrams and return their numbers in order; the ``n`` of the rows is ignored."""
        ...

    def update_engrams(self, rows: Iterable[EngramRow]) -> None:
        """Write every column of existing engrams but number, scope, id and first record."""
        ...

    def put_elements(self, n: int, rows: Sequence[ElementRow]) -> None:
        """Add live elements to engram ``n``."""
        ...

    def take_elements(self, n: int, dots: Mapping[int, Iterable[int]]) -> list[ElementRow]:
        """Remove those elements of engram ``n`` that are live, and return them.

        Args:
            n: Number of the engram.
            dots: By log, the clocks of the elements.
        """
        ...

    def take_span(self, n: int, log: int, first: int, end: int) -> list[ElementRow]:
        """As ``take_elements``, all that ``log`` put with a clock from ``first`` to ``end``."""
        ...

    def compare_groups(self, n: int, first: Iterable[bytes], second: Iterable[bytes]) -> None:
        """Look again which of these groups of engram ``n`` hold more than one live value.

        Args:
            n: Number of the engram.
            first: Groups of ``ElementRow.group``.
            second: Groups of ``ElementRow.group2``.
        """
        ...

    def put_part(self, n: int, row: PartRow) -> None:
        """Say how far engram ``n`` has read a log."""
        ...

    def put_text(self, n: int, row: TextRow) -> None:
        """Add or replace the collaborative texts of engram ``n``, all but their structure."""
        ...

    def put_text_structure(self, n: int, state: bytes) -> None:
        """Add or replace the structure of these texts, as it is after all that changed it."""
        ...

    def add_text_since(self, n: int, positions: Iterable[tuple[int, int]]) -> None:
        """Say which records have changed these texts, in order, while the structure stays.

        Args:
            n: Number of the engram.
            positions: (log, seq) of each.
        """
        ...

    def drop_text(self, n: int) -> None:
        """Engram ``n`` has no collaborative text."""
        ...

    def clear_engram(self, n: int) -> None:
        """Remove all that is kept of engram ``n`` beside its row."""
        ...

    def drop_engram(self, n: int) -> None:
        """Remove engram ``n``: nothing of it can be shown."""
        ...

    def reset(self) -> None:
        """Remove everything that is derived from records: the materialiser makes it again."""
        ...

    def index(self, n: int, title: str, content: str, tags: str) -> None:
        """Make the engram findable by these words alone; it is marked no more."""
        ...

    def index_many(self, rows: Sequence[tuple[int, str, str, str]]) -> None:
        """``index`` for many (n, title, content, tags)."""
        ...

    def unindex(self, n: int) -> None:
        """Make the engram unfindable; it is marked no more."""
        ...

    def mark_unindexed(self, n: int) -> None:
        """Remember that the engram's words are to be indexed (again)."""
        ...

    def mark_many_unindexed(self, ns: Iterable[int]) -> None:
        """``mark_unindexed`` for many."""
        ...

    def put_peer(self, row: PeerRow) -> None:
        """Add the peer, or replace what is remembered about it."""
        ...


class Store(Protocol):
    """A durable home for records and what is derived from them.

    Open it, run ``serve`` in a nursery, ``submit`` and ``read``, then ``aclose``.
    """

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit what is submitted until ``aclose``; ``started`` at once.

        Resource handling: it owns nothing; the connections close in ``aclose``.

        Error handling: a failing job or commit is its submitters' error and never ends this
        task.  Only a rollback callback that raises does, because then what is in memory no
        longer matches what is stored.  When cancelled it finishes the commit under way and
        fails what is still queued.
        """
        ...

    @property
    def waiting(self) -> bool:
        """Whether jobs wait that have not begun; a long job may ask, and end early."""
        ...

    async def submit(self, job: Callable[[Transaction], T], *, weight: int = 1) -> T:
        """Run ``job`` and return its result once it is durable.

        Cancellation either withdraws the job, and nothing of it is stored, or comes too late, and
        the result is returned.

        Args:
            job: What to do.  May run beside other jobs in one commit, each in its own savepoint.
            weight: About how many records it writes; bounds a commit and the queue.

        Raises:
            LocalError: The commit failed or the store closed; nothing of the job is stored.
            Exception: What ``job`` raised; nothing of it is stored.
        """
        ...

    async def read(self, job: Callable[[Reader], T]) -> T:
        """Run ``job`` against one consistent state and return its result."""
        ...

    async def purge(self) -> None:
        """Remove from the files what erased payloads, and the index of their words, left there.

        Costs nothing when nothing was erased since the last time, also by an earlier process.

        Raises:
            DegradedError: A reader outside this process held on to the old state, or the disk
                failed.  What is left to do is remembered.
        """
        ...

    async def compact(self) -> Size:
        """Rewrite the whole store without its free pages; the size before.

        It needs as much room again while it runs.  A crash leaves the store as it was or as it
        was to be.  Commits wait for it, reads do not.
        """
        ...

    async def integrity(self) -> list[str]:
        """What contradicts itself in the store, a sentence each; empty when all is well.

        Hash chains, signatures and documents are not looked at: that needs their meaning.
        """
        ...

    async def confirm(self) -> None:
        """Return if the store's files are still in their place; every write asks the same.

        Raises:
            DegradedError: One was removed, moved or replaced, and what is written would be lost.
        """
        ...

    async def aclose(self, *, drain: bool = True) -> int:
        """Accept nothing more, finish or drop what is queued, and close.

        Args:
            drain: Whether accepted jobs are still committed (as long as ``serve`` runs).  Those
                that wait outside a full queue are dropped in any case.

        Returns:
            How many jobs were dropped; each of their submitters gets ``DegradedError``.
        """
        ...
