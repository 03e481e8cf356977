"""What a store is to the rest of the package.

A job is a plain function of a ``Reader`` or a ``Transaction``.  It runs in the store's executor,
never in the event loop's thread unless the executor says so, and must not keep the object: every
use after the job has ended raises ``DegradedError``.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import trio

from engram_wire import Record

from ._rows import EngramRow, LogRow, PeerRow, RunRow, ScopeRow

T = TypeVar("T")


class Reader(Protocol):
    """One consistent state of the store: the last commit when the job began."""

    def meta(self, key: str) -> bytes | None:
        """The value kept under ``key``."""
        ...

    def scopes(self) -> list[ScopeRow]:
        """Every scope, oldest first."""
        ...

    def scope(self, n: int) -> ScopeRow | None:
        """The scope numbered ``n``."""
        ...

    def logs(self) -> list[LogRow]:
        """Every log of every scope, oldest first."""
        ...

    def runs(self, scope: int, after_arrival: int, limit: int) -> list[RunRow]:
        """Runs of ``scope`` that arrived after ``after_arrival``, in order of arrival."""
        ...

    def last_arrival(self, scope: int) -> int:
        """Arrival of the newest run of ``scope``; 0 when there is none."""
        ...

    def run_by_head(self, scope: int, head: bytes) -> RunRow | None:
        """The run of ``scope`` that ends at the record with id ``head``."""
        ...

    def run_at(self, log: int, seq: int) -> RunRow | None:
        """The run of ``log`` that ends at ``seq``."""
        ...

    def run_before(self, log: int, seq: int) -> RunRow | None:
        """The newest run of ``log`` that ends at or before ``seq``."""
        ...

    def runs_of(self, log: int, after_seq: int, limit: int) -> list[RunRow]:
        """Runs of ``log`` that end after ``after_seq``, in order.

        The first of them may begin at or before ``after_seq``.
        """
        ...

    def records(self, log: int, first: int, last: int) -> list[Record]:
        """Records ``first`` .. ``last`` of ``log``, as far as they are held."""
        ...

    def records_of(self, scope: int, engram: bytes) -> list[tuple[int, Record]]:
        """(log, record) of every record of one engram, in order of arrival, hence causal."""
        ...

    def past(self, log: int, seq: int) -> bytes | None:
        """The newest causal-past snapshot of ``log`` at or before ``seq``."""
        ...

    def engram(self, scope: int, engram: bytes) -> EngramRow | None:
        """The engram with this id."""
        ...

    def engram_by_n(self, n: int) -> EngramRow | None:
        """The engram numbered ``n``."""
        ...

    def engrams(
        self,
        scope: int | None = None,
        *,
        after: EngramRow | None = None,
        limit: int,
        life: Collection[int] = (0,),
        since_hlc: int = 0,
    ) -> list[EngramRow]:
        """Up to ``limit`` engrams, newest (hlc, n) first.

        Args:
            scope: Number of one scope; None means all of them.
            after: The last row of the previous page.
            limit: Rows at most.
            life: The life states wanted.
            since_hlc: Nothing older than this clock.
        """
        ...

    def find(self, prefix: str, *, scope: int | None = None, limit: int = 2) -> list[EngramRow]:
        """Engrams whose id begins with the hexadecimal digits ``prefix`` (no dashes)."""
        ...

    def conflicted(self, scope: int | None = None) -> list[EngramRow]:
        """Engrams with an open conflict, newest first within each scope."""
        ...

    def search(
        self,
        terms: Sequence[str],
        *,
        limit: int,
        scopes: Collection[int] | None = None,
        since_hlc: int = 0,
    ) -> list[tuple[int, float]]:
        """(n, bm25) of the indexed engrams that contain any of ``terms``, best (lowest) first.

        Terms are words as a person writes them: quotes and operators in them mean nothing.
        Engrams that were marked and not yet indexed are not found.
        """
        ...

    def document_frequency(self, term: str) -> int:
        """About how many indexed engrams contain ``term``; never far below the truth."""
        ...

    def unindexed(self) -> int:
        """How many engrams wait to be indexed."""
        ...

    def unindexed_engrams(self, limit: int) -> list[EngramRow]:
        """Up to ``limit`` engrams that wait to be indexed, lowest number first."""
        ...

    def peers(self) -> list[PeerRow]:
        """Every peer that was ever met, by key."""
        ...

    def peer(self, key: bytes) -> PeerRow | None:
        """The peer with this public key."""
        ...


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
        self, scope: int, log_id: bytes, domain: int, author: bytes, incarnation: bytes
    ) -> int:
        """Add an empty log (seq 0, head ``log_id``, hlc 0) and return its number."""
        ...

    def set_head(self, log: int, seq: int, head: bytes, hlc: int) -> None:
        """State how far ``log`` is held."""
        ...

    def put_records(self, log: int, records: Iterable[Record]) -> None:
        """Add records; one whose (log, seq) is held already is an error."""
        ...

    def put_run(self, log: int, first: int, last: int, head: bytes, signature: bytes) -> int:
        """Add a run and return its arrival number."""
        ...

    def put_past(self, log: int, seq: int, vector: bytes) -> None:
        """Keep the causal-past snapshot of ``log`` at ``seq``."""
        ...

    def put_engrams(self, rows: Sequence[EngramRow]) -> range:
        """Add engrams and return their numbers in order; the ``n`` of the rows is ignored."""
        ...

    def update_engrams(self, rows: Iterable[EngramRow]) -> None:
        """Write records, hlc, life, conflict, state, view and digest of existing engrams."""
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

    def delete_peer(self, key: bytes) -> None:
        """Forget a peer; it need not exist."""
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

    async def aclose(self, *, drain: bool = True) -> int:
        """Accept nothing more, finish or drop what is queued, and close.

        Args:
            drain: Whether accepted jobs are still committed (as long as ``serve`` runs).  Those
                that wait outside a full queue are dropped in any case.

        Returns:
            How many jobs were dropped; each of their submitters gets ``DegradedError``.
        """
        ...
